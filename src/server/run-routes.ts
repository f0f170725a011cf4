import { parseExactly } from '../core/exact-json.ts';
import { isDeepJson, MAX_JSON_DEPTH } from '../core/json-depth.ts';
import { checkActive } from '../tracking/mlflow/check-active.ts';
import {
  deleteTag,
  logBatch,
  logInputs,
  logMetric,
  logParam,
  setTag,
  writeTags,
} from '../tracking/mlflow/log.ts';
import { RUN_STATUSES } from '../tracking/mlflow/messages.ts';
import { historyPage } from '../tracking/mlflow/metric-history.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { pythonText } from '../tracking/mlflow/python-text.ts';
import { logModelInputs, logModelOutputs } from '../tracking/mlflow/run-models.ts';
import { newRunName } from '../tracking/mlflow/run-name.ts';
import { createRun, moveRun, readRun, updateRun } from '../tracking/mlflow/runs.ts';
import { searchRuns } from '../tracking/mlflow/search-runs.ts';
import { POINT, RUN, RUN_INFO } from './answers/run-parts.ts';
import { listOf, PAGE } from './answers/shape.ts';
import { TAG, VIEW } from './experiment-routes.ts';
import { JsonText } from './json-of.ts';
import {
  atMost,
  double,
  integer,
  message,
  nested,
  oneOf,
  otherwise,
  present,
  repeated,
  required,
  text,
  unlessEmpty,
} from './message.ts';
import { both, on } from './policy.ts';
import { type Route, route } from './route.ts';
import { experiment, experiments, modelOfMetric, modelsNamed, modelsOfMetrics, run } from './things.ts';

const METRIC_FIELDS = {
  key: required(text()),
  value: required(double()),
  timestamp: required(integer()),
  step: otherwise(integer(), 0),
  model_id: text(),
  dataset_name: text(),
  dataset_digest: text(),
};
const METRIC = message(METRIC_FIELDS);
const DATASET = message({
  name: required(text()),
  digest: required(text()),
  source_type: required(text()),
  source: required(text()),
  schema: text(),
  profile: text(),
});
const RUN_ID = { run_id: text(), run_uuid: text() };

export const RUN_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/runs/create',
    'createRun',
    on('EDIT', experiment),
    message({
      experiment_id: otherwise(text(), '0'),
      user_id: otherwise(text(), ''),
      run_name: text(),
      start_time: integer(),
      tags: repeated(nested(TAG)),
    }),
    { run: RUN },
    async (
      { database, now, newId, random, root },
      { experiment_id, user_id, run_name, start_time, tags },
    ) => {
      const id = newId();
      const run = {
        id,
        experimentId: experiment_id,
        fallbackName: newRunName(random),
        name: run_name,
        user: user_id,
        startTime: start_time ?? now(),
        tags,
      };
      return { run: await database.write((sql) => createRun(sql, run, root), 'at-once') };
    },
  ),
  route(
    'POST',
    '/mlflow/runs/update',
    'updateRun',
    on('EDIT', run),
    message({ ...RUN_ID, status: oneOf(RUN_STATUSES), end_time: integer(), run_name: text() }),
    { run_info: RUN_INFO },
    async ({ database, root }, request) => {
      const id = idOf(request);
      const { status, end_time: endTime, run_name: name } = request;
      const change = { status, endTime, name };
      const how = (name ?? '') === '' ? 'at-once' : undefined;
      return { run_info: await database.write((sql) => updateRun(sql, id, change, root), how) };
    },
  ),
  route(
    'POST',
    '/mlflow/runs/delete',
    'deleteRun',
    on('MANAGE', run),
    message({ run_id: required(text()) }),
    {},
    async ({ database, now }, { run_id }) => {
      await database.write((sql) => moveRun(sql, run_id, 'deleted', now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/restore',
    'restoreRun',
    on('MANAGE', run),
    message({ run_id: required(text()) }),
    {},
    async ({ database, now }, { run_id }) => {
      await database.write((sql) => moveRun(sql, run_id, 'active', now()));
      return {};
    },
  ),
  route(
    'GET',
    '/mlflow/runs/get',
    'getRun',
    on('READ', run),
    message(RUN_ID),
    { run: RUN },
    async ({ database, root }, request) => ({
      run: await database.read((sql) => readRun(sql, idOf(request), root)),
    }),
  ),
  route(
    'POST',
    '/mlflow/runs/search',
    'searchRuns',
    on('READ', experiments),
    message({
      experiment_ids: repeated(text()),
      filter: otherwise(text(), ''),
      run_view_type: otherwise(VIEW, 'ACTIVE_ONLY'),
      max_results: otherwise(atMost(50_000), 1000),
      order_by: repeated(text()),
      page_token: unlessEmpty(text()),
    }),
    { runs: listOf(RUN), ...PAGE },
    async (
      { database, root },
      { experiment_ids, filter, run_view_type, max_results, order_by, page_token },
    ) =>
      database.read((sql) =>
        searchRuns(
          sql,
          experiment_ids,
          { filter, view: run_view_type, maxResults: max_results, orderBy: order_by, pageToken: page_token },
          root,
        ),
      ),
  ),
  route(
    'POST',
    '/mlflow/runs/log-metric',
    'logMetric',
    both(on('EDIT', run), on('EDIT', modelOfMetric)),
    message({ ...RUN_ID, ...METRIC_FIELDS }),
    {},
    async ({ database, points }, request) => {
      const { run_id: _, run_uuid: __, ...metric } = request;
      const id = idOf(request);
      if (belongsToRunOnly(metric)) await points.log(id, metric);
      else await database.write((sql) => logMetric(sql, id, metric));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/log-parameter',
    'logParam',
    on('EDIT', run),
    message({ ...RUN_ID, key: required(text()), value: present(text()) }),
    {},
    async ({ database }, request) => {
      const { key, value } = request;
      await database.write((sql) => logParam(sql, idOf(request), { key, value }));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/set-tag',
    'setTag',
    on('EDIT', run),
    message({ ...RUN_ID, key: required(text()), value: present(text()) }),
    {},
    async ({ database }, request) => {
      const { key, value } = request;
      await database.write((sql) => setTag(sql, idOf(request), { key, value }));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/delete-tag',
    'deleteTag',
    on('EDIT', run),
    message({ run_id: required(text()), key: required(text()) }),
    {},
    async ({ database }, { run_id, key }) => {
      await database.write((sql) => deleteTag(sql, run_id, key));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/log-batch',
    'logBatch',
    both(on('EDIT', run), on('EDIT', modelsOfMetrics)),
    message({
      run_id: required(text()),
      metrics: repeated(nested(METRIC)),
      params: repeated(nested(TAG)),
      tags: repeated(nested(TAG)),
    }),
    {},
    async ({ database }, { run_id, metrics, params, tags }) => {
      const isOfMetrics = params.length === 0 && tags.length === 0 && metrics.every(belongsToRunOnly);
      const how = isOfMetrics ? 'at-once' : undefined;
      await database.write((sql) => logBatch(sql, run_id, { metrics, params, tags }), how);
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/log-model',
    'logModel',
    on('EDIT', run),
    message({ run_id: required(text()), model_json: required(text()) }),
    {},
    async ({ database, root }, { run_id, model_json }) => {
      const model = modelOf(model_json);
      await database.write(async (sql) => {
        // Nobody else adds to the list meanwhile.
        await checkActive(sql, run_id);
        const { data } = await readRun(sql, run_id, root);
        const history = historyOf(data.tags.find(({ key }) => key === MODELS_TAG)?.value ?? '[]');
        // Whole, however long: a list that is cut is none.
        await writeTags(sql, run_id, [{ key: MODELS_TAG, value: JSON.stringify([...history, model]) }]);
      });
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/log-inputs',
    'logInputs',
    both(on('EDIT', run), on('READ', modelsNamed)),
    message({
      run_id: required(text()),
      datasets: repeated(
        nested(message({ tags: repeated(nested(TAG)), dataset: required(nested(DATASET)) })),
      ),
      models: repeated(nested(message({ model_id: required(text()) }))),
    }),
    {},
    async ({ database }, { run_id, datasets, models }) => {
      const inputs = datasets.map(({ tags, dataset }) => ({ tags, dataset: given(dataset) }));
      const ids = models.map(({ model_id }) => model_id);
      await database.write(async (sql) => {
        await logInputs(sql, run_id, inputs);
        await logModelInputs(sql, run_id, ids);
      });
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/runs/outputs',
    'logOutputs',
    both(on('EDIT', run), on('EDIT', modelsNamed)),
    message({
      run_id: required(text()),
      models: repeated(nested(message({ model_id: required(text()), step: otherwise(integer(), 0) }))),
    }),
    {},
    async ({ database }, { run_id, models }) => {
      await database.write((sql) => logModelOutputs(sql, run_id, models));
      return {};
    },
  ),
  route(
    'GET',
    '/mlflow/metrics/get-history',
    'getMetricHistory',
    on('READ', run),
    message({
      ...RUN_ID,
      metric_key: required(text()),
      page_token: unlessEmpty(text()),
      max_results: integer(),
    }),
    { metrics: listOf(POINT), ...PAGE },
    async ({ database }, request) => {
      const { metric_key: key, page_token: pageToken, max_results: maxResults } = request;
      const run_id = idOf(request);
      return database.read(async (sql) => {
        const { metrics, next_page_token } = await historyPage(sql, run_id, key, { maxResults, pageToken });
        const token =
          next_page_token === undefined ? '' : `,"next_page_token":${JSON.stringify(next_page_token)}`;
        return new JsonText(`{"metrics":${metrics}${token}}`);
      });
    },
  ),
];

const MODELS_TAG = 'mlflow.log-model.history';
/** Of what a client sent as a model, in characters. */
const MAX_SHOWN = 1000;

/** What is of a logged model too takes a look whether that is there. */
function belongsToRunOnly({ model_id }: { model_id: string | undefined }): boolean {
  return (model_id ?? '') === '';
}

/** Old clients say `run_uuid`. */
function idOf({ run_id, run_uuid }: { run_id: string | undefined; run_uuid: string | undefined }): string {
  const id = run_id === undefined || run_id === '' ? run_uuid : run_id;
  if (id === undefined || id === '')
    throw invalid(
      "Missing value for required parameter 'run_id'. See the API docs for more information about request parameters.",
    );
  return id;
}

function modelOf(text: string): object {
  if (isDeepJson(text))
    throw invalid(`The model info has more than ${MAX_JSON_DEPTH} levels of lists and maps.`);
  let model: unknown;
  try {
    model = parseExactly(text);
  } catch {
    throw invalid(`Malformed model info. \n ${text.slice(0, MAX_SHOWN)} \n is not a valid JSON.`);
  }
  const lacking = ['artifact_path', 'flavors', 'utc_time_created', 'run_id'].filter(
    (key) => typeof model !== 'object' || model === null || !Object.hasOwn(model, key),
  );
  if (lacking.length > 0)
    throw invalid(`Model json is missing mandatory fields: {${lacking.map(pythonText).join(', ')}}`);
  return model as object;
}

/** The models of a run so far; its tag is one that users may write too. */
function historyOf(tag: string): unknown[] {
  const refused = invalid(`The tag ${MODELS_TAG} of the run is no list of models.`);
  if (isDeepJson(tag)) throw refused;
  try {
    const history = parseExactly(tag);
    if (Array.isArray(history)) return history;
  } catch {
    throw refused;
  }
  throw refused;
}

/** Without the keys that were not given. */
function given<T extends object>(message: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)) as never;
}

import {
  createLoggedModel,
  deleteLoggedModel,
  deleteLoggedModelTag,
  finalizeLoggedModel,
  logLoggedModelParams,
  readLoggedModel,
  setLoggedModelTags,
} from '../tracking/mlflow/logged-models.ts';
import { MODEL_STATUSES } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { newRunName } from '../tracking/mlflow/run-name.ts';
import { type OnDataset, searchLoggedModels } from '../tracking/mlflow/search-logged-models.ts';
import { LISTED_FILES } from './answers/file-parts.ts';
import { LOGGED_MODEL } from './answers/logged-model-parts.ts';
import { listOf, PAGE } from './answers/shape.ts';
import { listBelow } from './artifact-routes.ts';
import { TAG } from './experiment-routes.ts';
import {
  boolean,
  integer,
  message,
  nested,
  oneOf,
  otherwise,
  repeated,
  required,
  text,
  unlessEmpty,
} from './message.ts';
import { on } from './policy.ts';
import { type Route, route } from './route.ts';
import { experiment, experiments, loggedModel } from './things.ts';

const MODEL = { model_id: required(text()) };
const AT = '/mlflow/logged-models/{model_id}';

export const LOGGED_MODEL_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/logged-models',
    'createLoggedModel',
    on('EDIT', experiment),
    message({
      experiment_id: required(text()),
      name: text(),
      model_type: otherwise(text(), ''),
      source_run_id: otherwise(text(), ''),
      params: repeated(nested(TAG)),
      tags: repeated(nested(TAG)),
    }),
    { model: LOGGED_MODEL },
    async ({ database, now, newId, random, root }, request) => {
      const { experiment_id, name, model_type, source_run_id, params, tags } = request;
      const model = {
        id: `m-${newId()}`,
        experimentId: experiment_id,
        name: name ?? newRunName(random),
        modelType: model_type,
        sourceRun: source_run_id,
        params,
        tags,
      };
      return {
        model: await database.write(async (sql) => {
          await createLoggedModel(sql, model, now());
          return readLoggedModel(sql, model.id, root);
        }),
      };
    },
  ),
  route(
    'PATCH',
    AT,
    'finalizeLoggedModel',
    on('EDIT', loggedModel),
    message({ ...MODEL, status: required(oneOf(MODEL_STATUSES)) }),
    { model: LOGGED_MODEL },
    async ({ database, now, root }, { model_id, status }) => ({
      model: await database.write(async (sql) => {
        await finalizeLoggedModel(sql, model_id, status, now());
        return readLoggedModel(sql, model_id, root);
      }),
    }),
  ),
  route(
    'GET',
    AT,
    'getLoggedModel',
    on('READ', loggedModel),
    message(MODEL),
    { model: LOGGED_MODEL },
    async ({ database, root }, { model_id }) => ({
      model: await database.read((sql) => readLoggedModel(sql, model_id, root)),
    }),
  ),
  route(
    'DELETE',
    AT,
    'deleteLoggedModel',
    on('MANAGE', loggedModel),
    message(MODEL),
    {},
    async ({ database, now }, { model_id }) => {
      await database.write((sql) => deleteLoggedModel(sql, model_id, now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/logged-models/search',
    'searchLoggedModels',
    on('READ', experiments),
    message({
      experiment_ids: repeated(text()),
      filter: otherwise(text(), ''),
      datasets: repeated(nested(message({ dataset_name: required(text()), dataset_digest: text() }))),
      max_results: otherwise(integer(), 50),
      order_by: repeated(
        nested(
          message({
            field_name: required(text()),
            ascending: otherwise(boolean(), true),
            dataset_name: text(),
            dataset_digest: text(),
          }),
        ),
      ),
      page_token: unlessEmpty(text()),
    }),
    { models: listOf(LOGGED_MODEL), ...PAGE },
    async ({ database, root }, request) => {
      const search = {
        experimentIds: request.experiment_ids,
        filter: request.filter,
        datasets: request.datasets.flatMap((one) => datasetOf(one) ?? []),
        maxResults: request.max_results,
        orderBy: request.order_by.map(({ field_name: field, ascending, ...on }) => ({
          field,
          ascending,
          dataset: datasetOf(on),
        })),
        pageToken: request.page_token,
      };
      return database.read((sql) => searchLoggedModels(sql, search, root));
    },
  ),
  route(
    'PATCH',
    `${AT}/tags`,
    'setLoggedModelTags',
    on('EDIT', loggedModel),
    message({ ...MODEL, tags: repeated(nested(TAG)) }),
    { model: LOGGED_MODEL },
    async ({ database, root }, { model_id, tags }) => ({
      model: await database.write(async (sql) => {
        await setLoggedModelTags(sql, model_id, tags);
        return readLoggedModel(sql, model_id, root);
      }),
    }),
  ),
  route(
    'DELETE',
    `${AT}/tags/{tag_key}`,
    'deleteLoggedModelTag',
    on('EDIT', loggedModel),
    message({ ...MODEL, tag_key: required(text()) }),
    {},
    async ({ database }, { model_id, tag_key }) => {
      await database.write((sql) => deleteLoggedModelTag(sql, model_id, tag_key));
      return {};
    },
  ),
  route(
    'POST',
    `${AT}/params`,
    'LogLoggedModelParams',
    on('EDIT', loggedModel),
    message({ ...MODEL, params: repeated(nested(TAG)) }),
    {},
    async ({ database }, { model_id, params }) => {
      await database.write((sql) => logLoggedModelParams(sql, model_id, params));
      return {};
    },
  ),
  route(
    'GET',
    `${AT}/artifacts/directories`,
    'listLoggedModelArtifacts',
    on('READ', loggedModel),
    message({ ...MODEL, artifact_directory_path: otherwise(text(), ''), page_token: unlessEmpty(text()) }),
    LISTED_FILES,
    async (served, { model_id, artifact_directory_path: path }) => {
      const { info } = await served.database.read((sql) => readLoggedModel(sql, model_id, served.root));
      return listBelow(served, info.artifact_uri, path);
    },
  ),
];

/** MLflow's clients send empty texts for what is not given. */
function datasetOf({
  dataset_name: name = '',
  dataset_digest: digest = '',
}: {
  dataset_name: string | undefined;
  dataset_digest: string | undefined;
}): OnDataset | undefined {
  if (name !== '') return { name, digest };
  if (digest === '') return undefined;
  throw invalid('`dataset_digest` can only be specified if `dataset_name` is also specified.');
}

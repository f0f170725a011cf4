import { own, readableBy } from '../tracking/access/grants.ts';
import {
  createExperiment,
  deleteExperimentTag,
  moveExperiment,
  readExperiment,
  readExperimentByName,
  renameExperiment,
  setExperimentTag,
} from '../tracking/mlflow/experiments.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { searchExperiments } from '../tracking/mlflow/search.ts';
import { EXPERIMENT } from './answers/run-parts.ts';
import { listOf, PAGE, TEXT } from './answers/shape.ts';
import {
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
import { CREATE, on, SIGNED_IN } from './policy.ts';
import { type Route, route, type Served } from './route.ts';
import { experiment, experimentByName } from './things.ts';

export const TAG = message({ key: required(text()), value: present(text()) });
export const VIEW = oneOf(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']);

const ID = message({ experiment_id: required(text()) });
const SEARCH = message({
  max_results: otherwise(integer(), 1000),
  page_token: unlessEmpty(text()),
  filter: otherwise(text(), ''),
  order_by: repeated(text()),
  view_type: otherwise(VIEW, 'ACTIVE_ONLY'),
});
const FOUND = { experiments: listOf(EXPERIMENT), ...PAGE };

export const EXPERIMENT_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/experiments/create',
    'createExperiment',
    CREATE,
    message({ name: required(text()), artifact_location: text(), tags: repeated(nested(TAG)) }),
    { experiment_id: TEXT },
    async ({ database, identity, now }, { name, artifact_location, tags }) => {
      const artifactLocation = artifact_location === '' ? undefined : artifact_location;
      if (artifactLocation !== undefined) checkLocation(artifactLocation);
      const id = await database.write(async (sql) => {
        const created = await createExperiment(sql, { name, artifactLocation, tags }, now());
        await own(sql, identity, { kind: 'experiment', id: created });
        return created;
      });
      return { experiment_id: id };
    },
  ),
  route(
    'GET',
    '/mlflow/experiments/get',
    'getExperiment',
    on('READ', experiment),
    ID,
    { experiment: EXPERIMENT },
    async ({ database, root }, { experiment_id }) => ({
      experiment: await database.read((sql) => readExperiment(sql, experiment_id, root)),
    }),
  ),
  route(
    'GET',
    '/mlflow/experiments/get-by-name',
    'getExperimentByName',
    on('READ', experimentByName),
    message({ experiment_name: required(text()) }),
    { experiment: EXPERIMENT },
    async ({ database, root }, { experiment_name: name }) => {
      const experiment = await database.read((sql) => readExperimentByName(sql, name, root));
      if (experiment === undefined) throw missing(`Could not find experiment with name '${name}'`);
      return { experiment };
    },
  ),
  route('POST', '/mlflow/experiments/search', 'searchExperiments', SIGNED_IN, SEARCH, FOUND, search),
  route('GET', '/mlflow/experiments/search', 'searchExperiments', SIGNED_IN, SEARCH, FOUND, search),
  route(
    'POST',
    '/mlflow/experiments/delete',
    'deleteExperiment',
    on('MANAGE', experiment),
    ID,
    {},
    async ({ database, now }, { experiment_id }) => {
      await database.write((sql) => moveExperiment(sql, experiment_id, 'deleted', now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/restore',
    'restoreExperiment',
    on('MANAGE', experiment),
    ID,
    {},
    async ({ database, now }, { experiment_id }) => {
      await database.write((sql) => moveExperiment(sql, experiment_id, 'active', now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/update',
    'updateExperiment',
    on('EDIT', experiment),
    message({ experiment_id: required(text()), new_name: required(text()) }),
    {},
    async ({ database, now }, { experiment_id, new_name }) => {
      await database.write((sql) => renameExperiment(sql, experiment_id, new_name, now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/set-experiment-tag',
    'setExperimentTag',
    on('EDIT', experiment),
    message({ experiment_id: required(text()), key: required(text()), value: present(text()) }),
    {},
    async ({ database }, { experiment_id, key, value }) => {
      await database.write((sql) => setExperimentTag(sql, experiment_id, { key, value }));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/delete-experiment-tag',
    'deleteExperimentTag',
    on('EDIT', experiment),
    message({ experiment_id: required(text()), key: required(text()) }),
    {},
    async ({ database }, { experiment_id, key }) => {
      await database.write((sql) => deleteExperimentTag(sql, experiment_id, key));
      return {};
    },
  ),
];

async function search(
  { database, identity, root }: Served,
  { max_results, page_token, filter, order_by, view_type }: ReturnType<typeof SEARCH.read>,
): Promise<object> {
  return database.read((sql) =>
    searchExperiments(
      sql,
      { filter, view: view_type, maxResults: max_results, orderBy: order_by, pageToken: page_token },
      root,
      readableBy(sql, identity, 'experiment', 'e.experiment_id'),
    ),
  );
}

/** A place that only clients go to, or a path of this server's proxy: nothing that a server would open. */
function checkLocation(location: string): void {
  // Numbers are the places of experiments without one of their own, the others those of registered models.
  const isAllowed =
    /^(?:mlflow-artifacts:\/(?!(?:\d+|models|reproductions)(?:\/|$))\w[\w./-]*|(?:s3|gs|wasbs|abfss|dbfs|hdfs):\/\/[\w./@:+=-]+)$/.test(
      location,
    );
  if (!isAllowed || location.length > 2048 || /(?:^|\/)\.\.?(?:\/|$)/.test(location))
    throw invalid(
      `Invalid artifact location: '${location.slice(0, 80)}'. It is one of mlflow-artifacts:/…, s3://…, gs://…, without query, fragment or '..'.`,
    );
}

import {
  createExperiment,
  moveExperiment,
  readExperiment,
  readExperimentByName,
  renameExperiment,
  setExperimentTag,
} from '../tracking/mlflow/experiments.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { searchExperiments } from '../tracking/mlflow/search.ts';
import { integer, message, nested, oneOf, otherwise, present, repeated, required, text } from './message.ts';
import { type Route, route, type Served } from './route.ts';

export const TAG = message({ key: required(text()), value: present(text()) });
export const VIEW = oneOf(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']);

const ID = message({ experiment_id: required(text()) });
const SEARCH = message({
  max_results: otherwise(integer(), 1000),
  page_token: text(),
  filter: otherwise(text(), ''),
  order_by: repeated(text()),
  view_type: otherwise(VIEW, 'ACTIVE_ONLY'),
});

export const EXPERIMENT_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/experiments/create',
    'createExperiment',
    message({ name: required(text()), artifact_location: text(), tags: repeated(nested(TAG)) }),
    async ({ database, now }, { name, artifact_location, tags }) => {
      const artifactLocation = artifact_location === '' ? undefined : artifact_location;
      if (artifactLocation !== undefined) checkLocation(artifactLocation);
      const id = await database.write((sql) =>
        createExperiment(sql, { name, artifactLocation, tags }, now()),
      );
      return { experiment_id: id };
    },
  ),
  route(
    'GET',
    '/mlflow/experiments/get',
    'getExperiment',
    ID,
    async ({ database, root }, { experiment_id }) => ({
      experiment: await database.read((sql) => readExperiment(sql, experiment_id, root)),
    }),
  ),
  route(
    'GET',
    '/mlflow/experiments/get-by-name',
    'getExperimentByName',
    message({ experiment_name: required(text()) }),
    async ({ database, root }, { experiment_name: name }) => {
      const experiment = await database.read((sql) => readExperimentByName(sql, name, root));
      if (experiment === undefined) throw missing(`Could not find experiment with name '${name}'`);
      return { experiment };
    },
  ),
  route('POST', '/mlflow/experiments/search', 'searchExperiments', SEARCH, search),
  route('GET', '/mlflow/experiments/search', 'searchExperiments', SEARCH, search),
  route(
    'POST',
    '/mlflow/experiments/delete',
    'deleteExperiment',
    ID,
    async ({ database, now }, { experiment_id }) => {
      await database.write((sql) => moveExperiment(sql, experiment_id, 'deleted', now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/restore',
    'restoreExperiment',
    ID,
    async ({ database, now }, { experiment_id }) => {
      await database.write((sql) => moveExperiment(sql, experiment_id, 'active', now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/update',
    'updateExperiment',
    message({ experiment_id: required(text()), new_name: required(text()) }),
    async ({ database, now }, { experiment_id, new_name }) => {
      await database.write((sql) => renameExperiment(sql, experiment_id, new_name, now()));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/set-experiment-tag',
    'setExperimentTag',
    message({ experiment_id: required(text()), key: required(text()), value: present(text()) }),
    async ({ database }, { experiment_id, key, value }) => {
      await database.write((sql) => setExperimentTag(sql, experiment_id, { key, value }));
      return {};
    },
  ),
];

async function search(
  { database, root }: Served,
  { max_results, page_token, filter, order_by, view_type }: ReturnType<typeof SEARCH.read>,
): Promise<object> {
  return database.read((sql) =>
    searchExperiments(
      sql,
      { filter, view: view_type, maxResults: max_results, orderBy: order_by, pageToken: page_token },
      root,
    ),
  );
}

/** A place that only clients go to, or a path of this server's proxy: nothing that a server would open. */
function checkLocation(location: string): void {
  const isAllowed = /^(?:mlflow-artifacts:\/[\w./-]*|(?:s3|gs|wasbs|abfss|dbfs|hdfs):\/\/[\w./@:+=-]+)$/.test(
    location,
  );
  if (!isAllowed || location.length > 2048 || /(?:^|\/)\.\.?(?:\/|$)/.test(location))
    throw invalid(
      `Invalid artifact location: '${location.slice(0, 80)}'. It is one of mlflow-artifacts:/…, s3://…, gs://…, without query, fragment or '..'.`,
    );
}

import type { Sql } from '../db/sql.ts';
import { readableBy } from '../tracking/access/grants.ts';
import { deleteRecords, readRecordsPage, upsertRecords } from '../tracking/mlflow/dataset-records.ts';
import { isMap, readExactly } from '../tracking/mlflow/dataset-values.ts';
import {
  addToExperiments,
  createDataset,
  deleteDataset,
  deleteDatasetTag,
  type EvaluationDataset,
  experimentsOfDataset,
  readDataset,
  removeFromExperiments,
  setDatasetTags,
} from '../tracking/mlflow/evaluation-datasets.ts';
import type { Tag } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { searchEvaluationDatasets } from '../tracking/mlflow/search-evaluation-datasets.ts';
import { tagMap } from '../tracking/mlflow/tag-map.ts';
import { EVALUATION_DATASET } from './answers/evaluation-parts.ts';
import { INTEGER, listOf, PAGE, TEXT } from './answers/shape.ts';
import { integer, message, otherwise, repeated, required, text, unlessEmpty } from './message.ts';
import { both, type Need, on, SIGNED_IN } from './policy.ts';
import { type Route, route, type Served } from './route.ts';
import { experiments } from './things.ts';

const AT = '/mlflow/datasets/{dataset_id}';
const ID = { dataset_id: required(text()) };
const EXPERIMENTS = { experiment_ids: repeated(text()) };
const SEARCH = message({
  ...EXPERIMENTS,
  filter_string: otherwise(text(), ''),
  max_results: otherwise(integer(), 1000),
  order_by: repeated(text()),
  page_token: unlessEmpty(text()),
});
const FOUND = { datasets: listOf(EVALUATION_DATASET), ...PAGE };

/** Data sets that generative AI is evaluated on (MLflow 3). */
export const EVALUATION_DATASET_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/datasets/create',
    'createDataset',
    on('EDIT', places),
    message({ name: required(text()), tags: unlessEmpty(text()), ...EXPERIMENTS }),
    { dataset: EVALUATION_DATASET },
    async ({ database, newId, now }, { name, tags, experiment_ids }) => {
      const dataset = {
        id: `d-${newId()}`,
        name,
        tags: tagsOf(tags),
        experimentIds: experiment_ids,
        at: now(),
      };
      return {
        dataset: await database.write(async (sql) =>
          datasetMessage(await createDataset(sql, dataset), await experimentsOfDataset(sql, dataset.id)),
        ),
      };
    },
  ),
  route('POST', '/mlflow/datasets/search', 'searchEvaluationDatasets', SIGNED_IN, SEARCH, FOUND, search),
  route('GET', '/mlflow/datasets/search', 'searchEvaluationDatasets', SIGNED_IN, SEARCH, FOUND, search),
  route(
    'GET',
    AT,
    'getDataset',
    on('READ', dataset),
    message(ID),
    { dataset: EVALUATION_DATASET },
    async ({ database }, { dataset_id }) => ({
      dataset: datasetMessage(await database.read((sql) => readDataset(sql, dataset_id))),
    }),
  ),
  route(
    'DELETE',
    AT,
    'deleteDataset',
    on('MANAGE', dataset),
    message(ID),
    {},
    async ({ database }, { dataset_id }) => {
      await database.write((sql) => deleteDataset(sql, dataset_id));
      return {};
    },
  ),
  route(
    'PATCH',
    `${AT}/tags`,
    'setDatasetTags',
    on('EDIT', dataset),
    message({ ...ID, tags: required(text()) }),
    {},
    async ({ database }, { dataset_id, tags }) => {
      await database.write((sql) => setDatasetTags(sql, dataset_id, tagsOf(tags)));
      return {};
    },
  ),
  route(
    'DELETE',
    `${AT}/tags/{key}`,
    'deleteDatasetTag',
    on('EDIT', dataset),
    message({ ...ID, key: required(text()) }),
    {},
    async ({ database }, { dataset_id, key }) => {
      await database.write((sql) => deleteDatasetTag(sql, dataset_id, key));
      return {};
    },
  ),
  route(
    'POST',
    `${AT}/records`,
    'upsertDatasetRecords',
    on('EDIT', dataset),
    message({ ...ID, records: required(text()) }),
    { inserted_count: INTEGER, updated_count: INTEGER },
    async ({ database, newId, now }, { dataset_id, records }) => {
      const { inserted, updated } = await database.write((sql) =>
        upsertRecords(sql, dataset_id, records, { at: now(), newId }),
      );
      return { inserted_count: inserted, updated_count: updated };
    },
  ),
  route(
    'GET',
    `${AT}/records`,
    'getDatasetRecords',
    on('READ', dataset),
    message({ ...ID, max_results: otherwise(integer(), 1000), page_token: unlessEmpty(text()) }),
    { records: TEXT, ...PAGE },
    async ({ database }, { dataset_id, max_results, page_token }) => {
      const asked = { maxResults: max_results, pageToken: page_token };
      const { records, token } = await database.read((sql) => readRecordsPage(sql, dataset_id, asked));
      return { records, ...token };
    },
  ),
  route(
    'DELETE',
    `${AT}/records`,
    'deleteDatasetRecords',
    on('EDIT', dataset),
    message({ ...ID, dataset_record_ids: repeated(text()) }),
    { deleted_count: INTEGER },
    async ({ database }, { dataset_id, dataset_record_ids }) => ({
      deleted_count: await database.write((sql) => deleteRecords(sql, dataset_id, dataset_record_ids)),
    }),
  ),
  route(
    'GET',
    `${AT}/experiment-ids`,
    'getDatasetExperimentIds',
    on('READ', dataset),
    message(ID),
    { experiment_ids: listOf(TEXT) },
    async ({ database }, { dataset_id }) => ({
      experiment_ids: await database.read((sql) => experimentsOfDataset(sql, dataset_id)),
    }),
  ),
  route(
    'POST',
    `${AT}/add-experiments`,
    'addDatasetToExperiments',
    both(on('EDIT', dataset), on('EDIT', places)),
    message({ ...ID, ...EXPERIMENTS }),
    { dataset: EVALUATION_DATASET },
    async (served, { dataset_id, experiment_ids }) =>
      changed(served, dataset_id, (sql) => addToExperiments(sql, dataset_id, experiment_ids)),
  ),
  route(
    'POST',
    `${AT}/remove-experiments`,
    'removeDatasetFromExperiments',
    on('EDIT', dataset),
    message({ ...ID, ...EXPERIMENTS }),
    { dataset: EVALUATION_DATASET },
    async (served, { dataset_id, experiment_ids }) =>
      changed(served, dataset_id, (sql) => removeFromExperiments(sql, dataset_id, experiment_ids)),
  ),
].map((one) => ({ ...one, version: '3.0' }));

async function search(
  { database, identity }: Served,
  { experiment_ids, filter_string, max_results, order_by, page_token }: ReturnType<typeof SEARCH.read>,
): Promise<object> {
  const search = {
    experimentIds: experiment_ids,
    filter: filter_string,
    maxResults: max_results,
    orderBy: order_by,
    pageToken: page_token,
  };
  const { datasets, token } = await database.read((sql) => {
    // As `dataset` below: of all its experiments, or of Default.
    const all = readableBy(sql, identity, 'experiment', 'p.experiment_id');
    const fallback = readableBy(sql, identity, 'experiment', DEFAULT);
    const places = 'SELECT 1 FROM evaluation_dataset_experiments p WHERE p.dataset_id = d.dataset_id';
    return searchEvaluationDatasets(sql, search, {
      text: `NOT EXISTS (${places} AND NOT (${all.text})) AND (EXISTS (${places}) OR (${fallback.text}))`,
      values: [...all.values, ...fallback.values],
    });
  });
  return { datasets: datasets.map((one) => datasetMessage(one)), ...token };
}

async function changed(
  { database }: Served,
  id: string,
  change: (sql: Sql) => Promise<void>,
): Promise<object> {
  return database.write(async (sql) => {
    await change(sql);
    return { dataset: datasetMessage(await readDataset(sql, id), await experimentsOfDataset(sql, id)) };
  });
}

/** A data set of no experiment is Default's. */
const DEFAULT = '0';

async function places(
  sql: Sql,
  { experiment_ids }: { experiment_ids: readonly string[] },
): Promise<Need['on'][]> {
  return experiments(sql, { experiment_ids: experiment_ids.length === 0 ? [DEFAULT] : experiment_ids });
}

async function dataset(sql: Sql, { dataset_id }: { dataset_id: string }): Promise<Need['on'][]> {
  const found = await sql.get('SELECT 1 AS found FROM evaluation_datasets WHERE dataset_id = ?', dataset_id);
  return found === undefined
    ? []
    : places(sql, { experiment_ids: await experimentsOfDataset(sql, dataset_id) });
}

function datasetMessage(dataset: EvaluationDataset, experimentIds?: readonly string[]): object {
  return {
    dataset_id: dataset.id,
    name: dataset.name,
    tags: JSON.stringify(tagMap(dataset.tags)),
    schema: dataset.schema,
    profile: dataset.profile,
    digest: dataset.digest,
    created_time: dataset.createdAt,
    last_update_time: dataset.updatedAt,
    created_by: dataset.createdBy,
    last_updated_by: dataset.updatedBy,
    experiment_ids: experimentIds,
  };
}

/** Tags as MLflow's clients write them here: a map, as JSON in a text. */
function tagsOf(json: string | undefined): Tag[] {
  if (json === undefined) return [];
  const map = readExactly(json, 'tags');
  if (!isMap(map)) throw invalid("Invalid value for parameter 'tags' supplied: it must be a map.");
  return Object.entries(map).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: typeof value === 'string' ? value : JSON.stringify(value) }],
  );
}

import type { Sql } from '../../db/sql.ts';
import { MAX_ORDERINGS, parseOrder } from '../filter.ts';
import { type Sql as Condition, conditionOf, type Searched } from '../filter-sql.ts';
import { columnKey, numberKeys, type SortKey, sortKeysOf } from '../sort-key.ts';
import { checkMaxResults, experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { loggedModelsOf } from './logged-models.ts';
import type { LoggedModel } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { comparisonsOf, pageBy, type Searchable } from './page.ts';

const OF_MODEL = 'x.model_id = m.model_id';

const SEARCHABLE: Searchable = {
  grammar: {
    what: 'a logged model',
    attributes: {
      name: 'name',
      model_id: 'model_id',
      model_type: 'model_type',
      experiment_id: 'experiment_id',
      status: 'status',
      source_run_id: 'source_run_id',
      creation_timestamp: 'created',
      creation_time: 'created',
      creation_timestamp_ms: 'created',
      last_updated_timestamp: 'updated',
      last_updated_time: 'updated',
      last_updated_timestamp_ms: 'updated',
    },
    numeric: new Set(['created', 'updated', 'experiment_id']),
    ids: new Set(['experiment_id']),
    entities: ['attribute', 'metric', 'param', 'tag'],
  },
  searched: {
    columns: {
      name: 'm.name',
      model_id: 'm.model_id',
      model_type: 'm.model_type',
      experiment_id: 'm.experiment_id',
      // Users write READY for what goes over the wire as LOGGED_MODEL_READY.
      status: `replace(m.status, 'LOGGED_MODEL_', '')`,
      source_run_id: 'm.source_run_id',
      created: 'm.creation_time',
      updated: 'm.last_updated_time',
    },
    compared: { experiment_id: 'CAST(m.experiment_id AS text)' },
    keyed: {
      metric: { table: 'logged_model_metrics', join: OF_MODEL },
      param: { table: 'logged_model_params', join: OF_MODEL },
      tag: { table: 'logged_model_tags', join: OF_MODEL },
    },
  },
  select: 'm.*, e.artifact_location',
  from: 'logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id',
  last: [columnKey('m.creation_time', 'integer', 'DESC'), columnKey('m.model_id', 'text')],
};

export interface OnDataset {
  readonly name: string;
  /** Any, if it is empty. */
  readonly digest: string;
}

export interface LoggedModelOrder {
  readonly field: string;
  readonly ascending: boolean;
  readonly dataset: OnDataset | undefined;
}

export interface LoggedModelSearch {
  readonly experimentIds: readonly string[];
  readonly filter: string;
  /** What metrics of the filter must have been measured on; without such metrics, any metric. */
  readonly datasets: readonly OnDataset[];
  readonly maxResults: number;
  readonly orderBy: readonly LoggedModelOrder[];
  readonly pageToken: string | undefined;
}

/** A page of logged models, the newest first, and a token only if more follow. */
export async function searchLoggedModels(
  sql: Sql,
  { experimentIds, filter, datasets, maxResults, orderBy, pageToken }: LoggedModelSearch,
  root: string,
): Promise<{ models: LoggedModel[]; next_page_token?: string }> {
  checkMaxResults(maxResults);
  if (orderBy.length > MAX_ORDERINGS)
    throw invalid(`There are more than ${MAX_ORDERINGS} keys to order by: ${orderBy.length}.`);
  const comparisons = comparisonsOf(SEARCHABLE, { filter });
  const on = datasets.map(datasetCondition);
  const searched = measuredOn(on);
  const conditions = comparisons.map((one) => conditionOf(one, sql.dialect, searched));
  const { metric } = searched.keyed;
  if (on.length > 0 && metric !== undefined && !comparisons.some(({ entity }) => entity === 'metric'))
    conditions.push({
      text: `EXISTS (SELECT 1 FROM ${metric.table} x WHERE ${OF_MODEL})`,
      values: metric.values ?? [],
    });
  const { rows, token } = await pageBy(
    sql,
    SEARCHABLE,
    {
      filter,
      orderBy: orderBy.map(({ field, ascending }) => `${field} ${ascending}`),
      maxResults,
      pageToken,
    },
    [
      { text: "m.lifecycle_stage = 'active'", values: [] },
      {
        text: `m.experiment_id IN ${inList(sql, 'integer')}`,
        values: [listOf(experimentIds.flatMap((id) => experimentNumber(id) ?? []))],
      },
      ...conditions,
    ],
    [...orderBy.flatMap(modelKeysOf), ...SEARCHABLE.last],
  );
  return { models: await loggedModelsOf(sql, rows, root), ...token };
}

function datasetCondition({ name, digest }: OnDataset): Condition {
  return digest === ''
    ? { text: 'x.dataset_name = ?', values: [name] }
    : { text: 'x.dataset_name = ? AND x.dataset_digest = ?', values: [name, digest] };
}

/** With only the metrics that were measured on any of the data sets; with all, if there are none. */
function measuredOn(on: readonly Condition[]): Searched {
  const { keyed } = SEARCHABLE.searched;
  if (on.length === 0) return SEARCHABLE.searched;
  const any = on.map(({ text }) => `(${text})`).join(' OR ');
  const table = `(SELECT * FROM logged_model_metrics x WHERE ${any})`;
  return {
    ...SEARCHABLE.searched,
    keyed: { ...keyed, metric: { table, join: OF_MODEL, values: on.flatMap(({ values }) => values) } },
  };
}

/** By attribute, or by the latest value of a metric; models that lack it come last either way. */
function modelKeysOf({ field, ascending, dataset }: LoggedModelOrder): SortKey[] {
  const [ordering, ...more] = parseOrder(field, SEARCHABLE.grammar);
  if (ordering === undefined || more.length > 0) throw invalid(`Invalid order by field name: ${field}`);
  if (ordering.entity !== 'metric')
    return sortKeysOf({ ...ordering, descending: !ascending }, SEARCHABLE.grammar, SEARCHABLE.searched);
  const on = dataset === undefined ? { text: 'true', values: [] } : datasetCondition(dataset);
  const latest = (column: string): Condition => ({
    text: `SELECT x.${column} FROM logged_model_metrics x WHERE ${OF_MODEL} AND x.key = ? AND ${on.text}
      ORDER BY x.timestamp DESC, x.step DESC, x.value DESC, x.run_uuid LIMIT 1`,
    values: [ordering.key, ...on.values],
  });
  return numberKeys(latest('is_nan'), latest('value'), !ascending);
}

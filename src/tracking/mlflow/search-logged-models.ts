import type { Sql } from '../../db/sql.ts';
import { type Grammar, parseFilter, parseOrder } from '../filter.ts';
import { type Sql as Condition, conditionOf, orderOf, type Searched } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { loggedModelsOf } from './logged-models.ts';
import type { LoggedModel } from './messages.ts';
import { invalid } from './mlflow-error.ts';

const GRAMMAR: Grammar = {
  what: 'a logged model',
  attributes: {
    name: 'name',
    model_id: 'model_id',
    model_type: 'model_type',
    status: 'status',
    source_run_id: 'source_run_id',
    creation_timestamp: 'created',
    creation_time: 'created',
    creation_timestamp_ms: 'created',
    last_updated_timestamp: 'updated',
    last_updated_time: 'updated',
    last_updated_timestamp_ms: 'updated',
  },
  numeric: new Set(['created', 'updated']),
  entities: ['attribute', 'metric', 'param', 'tag'],
};

const OF_MODEL = 'x.model_id = m.model_id';
const MODELS: Searched = {
  columns: {
    name: 'm.name',
    model_id: 'm.model_id',
    model_type: 'm.model_type',
    // Users write READY for what goes over the wire as LOGGED_MODEL_READY.
    status: `replace(m.status, 'LOGGED_MODEL_', '')`,
    source_run_id: 'm.source_run_id',
    created: 'm.creation_time',
    updated: 'm.last_updated_time',
  },
  keyed: {
    metric: { table: 'points', join: OF_MODEL },
    param: { table: 'logged_model_params', join: OF_MODEL },
    tag: { table: 'logged_model_tags', join: OF_MODEL },
  },
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
  { experimentIds, filter, datasets, maxResults, orderBy, pageToken: before }: LoggedModelSearch,
  root: string,
): Promise<{ models: LoggedModel[]; next_page_token?: string }> {
  if (maxResults < 1 || maxResults > MAX_RESULTS)
    throw invalid(
      `Invalid value ${maxResults} for parameter 'max_results' supplied: it must be from 1 to ${MAX_RESULTS}.`,
    );
  const comparisons = filter.trim() === '' ? [] : parseFilter(filter, GRAMMAR);
  const on = datasets.map(datasetCondition);
  const conditions = comparisons.map((one) => conditionOf(one, sql.dialect, MODELS));
  if (on.length > 0 && !comparisons.some(({ entity }) => entity === 'metric'))
    conditions.push({ text: `EXISTS (SELECT 1 FROM points x WHERE ${OF_MODEL})`, values: [] });
  const orders = orderBy.map(modelOrderOf);
  const offset = offsetOf(before);
  const rows = await sql.all(
    `WITH points AS (SELECT * FROM logged_model_metrics x${on.length === 0 ? '' : ` WHERE ${on.map(({ text }) => `(${text})`).join(' OR ')}`})
     SELECT m.*, e.artifact_location FROM logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id
     WHERE m.lifecycle_stage = 'active' AND m.experiment_id IN ${inList(sql, 'integer')}
       ${conditions.map(({ text }) => `AND (${text})`).join(' ')}
     ORDER BY ${[...orders.map(({ text }) => text), 'm.creation_time DESC', 'm.model_id'].join(', ')} LIMIT ? OFFSET ?`,
    ...on.flatMap(({ values }) => values),
    listOf(experimentIds.flatMap((id) => experimentNumber(id) ?? [])),
    ...[...conditions, ...orders].flatMap(({ values }) => values),
    maxResults + 1,
    offset,
  );
  return {
    models: await loggedModelsOf(sql, rows.slice(0, maxResults), root),
    ...(rows.length > maxResults ? { next_page_token: pageToken(offset + maxResults) } : {}),
  };
}

/** MLflow has no limit here; this is the one of its other searches. */
const MAX_RESULTS = 50_000;

function datasetCondition({ name, digest }: OnDataset): Condition {
  return digest === ''
    ? { text: 'x.dataset_name = ?', values: [name] }
    : { text: 'x.dataset_name = ? AND x.dataset_digest = ?', values: [name, digest] };
}

/** By attribute, or by the latest value of a metric; models that lack it come last either way. */
function modelOrderOf({ field, ascending, dataset }: LoggedModelOrder): Condition {
  const [ordering, ...more] = parseOrder(field, GRAMMAR);
  if (ordering === undefined || more.length > 0) throw invalid(`Invalid order by field name: ${field}`);
  if (ordering.entity !== 'metric') return orderOf({ ...ordering, descending: !ascending }, MODELS);
  const on = dataset === undefined ? { text: 'true', values: [] } : datasetCondition(dataset);
  const latest = (column: string): string =>
    `(SELECT x.${column} FROM logged_model_metrics x WHERE ${OF_MODEL} AND x.key = ? AND ${on.text}
      ORDER BY x.timestamp DESC, x.step DESC, x.value DESC, x.run_uuid LIMIT 1)`;
  const values = [ordering.key, ...on.values];
  return {
    text: `coalesce(${latest('is_nan')}, 2), ${latest('value')} ${ascending ? 'ASC' : 'DESC'}`,
    values: [...values, ...values],
  };
}

import type { Sql } from '../../db/sql.ts';
import { type Grammar, parseFilter, parseOrder } from '../filter.ts';
import { conditionOf, orderOf, type Searched, type Sql as SqlPart } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { experimentsOf } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import type { Experiment, Metric, ViewType } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { metricOf } from './runs.ts';

const GRAMMAR: Grammar = {
  what: 'an experiment',
  attributes: {
    name: 'name',
    experiment_id: 'experiment_id',
    creation_time: 'creation_time',
    last_update_time: 'last_update_time',
  },
  numeric: new Set(['creation_time', 'last_update_time', 'experiment_id']),
  entities: ['attribute', 'tag'],
};

const EXPERIMENTS: Searched = {
  columns: {
    name: 'e.name',
    experiment_id: 'e.experiment_id',
    creation_time: 'e.creation_time',
    last_update_time: 'e.last_update_time',
  },
  keyed: { tag: { table: 'experiment_tags', join: 'x.experiment_id = e.experiment_id' } },
};

/** MLflow's limit for a page of runs or experiments. */
const MAX_RESULTS = 50_000;

export interface Search {
  readonly filter: string;
  readonly view: ViewType;
  readonly maxResults: number;
  readonly orderBy: readonly string[];
  readonly pageToken: string | undefined;
}

/** A page of experiments, and a token only if more follow. */
export async function searchExperiments(
  sql: Sql,
  { filter, view, maxResults, orderBy, pageToken: token }: Search,
  root: string,
  readable: SqlPart,
): Promise<{ experiments: Experiment[]; next_page_token?: string }> {
  checkMaxResults(maxResults);
  if (maxResults === 0)
    throw invalid("Invalid value 0 for parameter 'max_results' supplied: it must be at least 1.");
  const conditions =
    filter.trim() === ''
      ? []
      : parseFilter(filter, GRAMMAR).map((one) => conditionOf(one, sql.dialect, EXPERIMENTS));
  const orders =
    orderBy.length === 0
      ? []
      : parseOrder(orderBy.join(', '), GRAMMAR).map((one) => orderOf(one, EXPERIMENTS));
  const offset = offsetOf(token);
  const rows = await sql.all(
    `SELECT e.* FROM experiments e WHERE e.lifecycle_stage IN ${inList(sql, 'text')}
       AND (${readable.text}) ${conditions.map(({ text }) => `AND (${text})`).join(' ')}
     ORDER BY ${[...orders.map(({ text }) => text), 'e.last_update_time DESC', 'e.experiment_id DESC'].join(', ')} LIMIT ? OFFSET ?`,
    listOf(stagesOf(view)),
    ...readable.values,
    ...[...conditions, ...orders].flatMap(({ values }) => values),
    maxResults + 1,
    offset,
  );
  return {
    experiments: await experimentsOf(sql, rows.slice(0, maxResults), root),
    ...(rows.length > maxResults ? { next_page_token: pageToken(offset + maxResults) } : {}),
  };
}

/** All points of a metric by step, time and value, a page at a time if `maxResults` is given. */
export async function metricHistory(
  sql: Sql,
  run: string,
  key: string,
  { maxResults, pageToken: token }: { maxResults: number | undefined; pageToken: string | undefined },
): Promise<{ metrics: Metric[]; next_page_token?: string }> {
  const offset = offsetOf(token);
  const limit = Math.min(maxResults ?? MAX_HISTORY, MAX_HISTORY);
  const rows = await sql.all(
    'SELECT key, value, is_nan, step, timestamp FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step, timestamp, value, is_nan LIMIT ? OFFSET ?',
    run,
    key,
    limit + 1,
    offset,
  );
  return {
    metrics: rows.slice(0, limit).map(metricOf),
    ...(rows.length > limit ? { next_page_token: pageToken(offset + limit) } : {}),
  };
}

/** Points of a metric in one answer; clients that ask for all follow the token. */
const MAX_HISTORY = 25_000;

/** What a view shows. */
export function stagesOf(view: ViewType): string[] {
  return view === 'ACTIVE_ONLY' ? ['active'] : view === 'DELETED_ONLY' ? ['deleted'] : ['active', 'deleted'];
}

/** @throws MlflowError INVALID_PARAMETER_VALUE */
export function checkMaxResults(count: number): void {
  if (count < 0 || count > MAX_RESULTS)
    throw invalid(
      `Invalid value ${count} for parameter 'max_results' supplied: it must be at most ${MAX_RESULTS}.`,
    );
}

import type { Sql } from '../../db/sql.ts';
import { type Comparison, type Grammar, parseFilter, parseOrder } from '../filter.ts';
import { type Sql as Condition, conditionOf, orderOf, passingRuns, type Searched } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { experimentNumber } from './check.ts';
import { experimentsOf } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import type { Experiment, Metric, Run, ViewType } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { metricOf, readRuns } from './runs.ts';

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

/** A page of whole runs; there is a token when the page is full, even if nothing follows, as in MLflow. */
export async function searchRuns(
  sql: Sql,
  experiments: readonly string[],
  { filter, view, maxResults, orderBy, pageToken: token }: Search,
  root: string,
): Promise<{ runs: Run[]; next_page_token?: string }> {
  checkMaxResults(maxResults);
  const numbers = experiments.flatMap((id) => experimentNumber(id) ?? []);
  const conditions: Condition[] = [];
  for (const comparison of filter.trim() === '' ? [] : parseFilter(filter))
    conditions.push(await runCondition(sql, comparison));
  const orders = orderBy.length === 0 ? [] : parseOrder(orderBy.join(', ')).map((one) => orderOf(one));
  const stages = stagesOf(view);
  const offset = offsetOf(token);
  const rows = await sql.all(
    `SELECT r.run_uuid AS id FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
     WHERE r.experiment_id IN ${inList(sql, 'integer')} AND r.lifecycle_stage IN ${inList(sql, 'text')}
       ${conditions.map(({ text }) => `AND (${text})`).join(' ')}
     ORDER BY ${[...orders.map(({ text }) => text), 'r.start_time DESC NULLS LAST', 'r.run_uuid'].join(', ')} LIMIT ? OFFSET ?`,
    listOf(numbers),
    listOf(stages),
    ...[...conditions, ...orders].flatMap(({ values }) => values),
    maxResults,
    offset,
  );
  const runs = await readRuns(
    sql,
    rows.map((row) => String(row['id'])),
    root,
  );
  return {
    runs,
    ...(rows.length === maxResults && maxResults > 0
      ? { next_page_token: pageToken(offset + maxResults) }
      : {}),
  };
}

/** Up to so many runs are looked up one by one; if more pass, the newest runs are tried until a page is full. */
const FEW = 2000;

/** The comparison in the form that reads least: no database knows how many values of one key pass. */
async function runCondition(sql: Sql, comparison: Comparison): Promise<Condition> {
  const passing = passingRuns(comparison, sql.dialect);
  if (passing === undefined) return conditionOf(comparison, sql.dialect);
  const row = await sql.get(
    `SELECT count(*) AS count FROM (${passing.text} LIMIT ${FEW + 1}) AS few`,
    ...passing.values,
  );
  return Number(row?.['count']) > FEW
    ? conditionOf(comparison, sql.dialect)
    : { text: `r.run_uuid IN (${passing.text})`, values: passing.values };
}

/** A page of experiments, and a token only if more follow. */
export async function searchExperiments(
  sql: Sql,
  { filter, view, maxResults, orderBy, pageToken: token }: Search,
  root: string,
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
       ${conditions.map(({ text }) => `AND (${text})`).join(' ')}
     ORDER BY ${[...orders.map(({ text }) => text), 'e.last_update_time DESC', 'e.experiment_id DESC'].join(', ')} LIMIT ? OFFSET ?`,
    listOf(stagesOf(view)),
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

function stagesOf(view: ViewType): string[] {
  return view === 'ACTIVE_ONLY' ? ['active'] : view === 'DELETED_ONLY' ? ['deleted'] : ['active', 'deleted'];
}

function checkMaxResults(count: number): void {
  if (count < 0 || count > MAX_RESULTS)
    throw invalid(
      `Invalid value ${count} for parameter 'max_results' supplied: it must be at most ${MAX_RESULTS}.`,
    );
}

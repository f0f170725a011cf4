import type { Sql, SqlValue } from '../../db/sql.ts';
import { type Comparison, type Ordering, parseFilter, parseOrder } from '../filter.ts';
import { type Sql as Condition, conditionOf, orderOf, passingRuns } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import type { Run } from './messages.ts';
import { readRuns } from './runs.ts';
import { checkMaxResults, type Search, stagesOf } from './search.ts';

/** Up to so many runs are looked up one by one; if more pass, runs are tried in their order until a page is full. */
const FEW = 2000;

/** A search with its filter in the form that reads least. */
interface Prepared {
  /** SQL after WHERE, on `runs r JOIN experiments e`. */
  readonly where: string;
  readonly values: readonly SqlValue[];
  readonly orderings: readonly Ordering[];
  readonly limit: number;
  readonly offset: number;
  /** At most `FEW` runs pass. */
  readonly passesFew: boolean;
}

/** A page of whole runs; there is a token when the page is full, even if nothing follows, as in MLflow. */
export async function searchRuns(
  sql: Sql,
  experiments: readonly string[],
  search: Search,
  root: string,
): Promise<{ runs: Run[]; next_page_token?: string }> {
  const prepared = await prepare(sql, experiments, search);
  const { limit, offset } = prepared;
  const ids = (await walkMetric(sql, prepared)) ?? (await findAll(sql, prepared));
  return {
    runs: await readRuns(sql, ids, root),
    ...(ids.length === limit && limit > 0 ? { next_page_token: pageToken(offset + limit) } : {}),
  };
}

async function prepare(
  sql: Sql,
  experiments: readonly string[],
  { filter, view, maxResults, orderBy, pageToken: token }: Search,
): Promise<Prepared> {
  checkMaxResults(maxResults);
  const numbers = experiments.flatMap((id) => experimentNumber(id) ?? []);
  const conditions: Condition[] = [];
  let passesFew = false;
  for (const comparison of filter.trim() === '' ? [] : parseFilter(filter)) {
    const few = await fewPassing(sql, comparison);
    passesFew ||= few !== undefined;
    conditions.push(few ?? conditionOf(comparison, sql.dialect));
  }
  const all = [
    inExperiments(sql, numbers, passesFew),
    { text: `r.lifecycle_stage IN ${inList(sql, 'text')}`, values: [listOf(stagesOf(view))] },
    ...conditions,
  ];
  return {
    where: all.map(({ text }) => `(${text})`).join(' AND '),
    values: all.flatMap(({ values }) => values),
    orderings: orderBy.length === 0 ? [] : parseOrder(orderBy.join(', ')),
    limit: maxResults,
    offset: offsetOf(token),
    passesFew,
  };
}

/**
 * Of one experiment, an index has the runs in the order of their start. It is no help where few runs pass:
 * the sign keeps the database from it.
 */
function inExperiments(sql: Sql, numbers: readonly number[], passesFew: boolean): Condition {
  const [only] = numbers;
  return only !== undefined && numbers.length === 1
    ? { text: `${passesFew ? '+' : ''}r.experiment_id = ?`, values: [only] }
    : { text: `r.experiment_id IN ${inList(sql, 'integer')}`, values: [listOf(numbers)] };
}

/** The comparison as a list of the runs that pass, if they are few: no database knows how many values of one key do. */
async function fewPassing(sql: Sql, comparison: Comparison): Promise<Condition | undefined> {
  const passing = passingRuns(comparison, sql.dialect);
  if (passing === undefined) return undefined;
  const row = await sql.get(
    `SELECT count(*) AS count FROM (${passing.text} LIMIT ${FEW + 1}) AS few`,
    ...passing.values,
  );
  if (Number(row?.['count']) > FEW) return undefined;
  return { text: `r.run_uuid IN (${passing.text})`, values: passing.values };
}

/**
 * Runs in the order of a metric, along its index until the page is full: sorting all that pass reads each
 * of them. Undefined if the page is not filled so, as what has no number for the metric comes next.
 */
async function walkMetric(
  sql: Sql,
  { where, values, orderings: [first, ...others], limit, offset, passesFew }: Prepared,
): Promise<string[] | undefined> {
  if (first?.entity !== 'metric' || passesFew || limit === 0) return undefined;
  const orders = others.map((one) => orderOf(one));
  const rows = await sql.all(
    `SELECT r.run_uuid AS id FROM latest_metrics o CROSS JOIN runs r CROSS JOIN experiments e
     WHERE o.key = ? AND o.is_nan = 0 AND r.run_uuid = o.run_uuid AND e.experiment_id = r.experiment_id AND ${where}
     ORDER BY ${[`o.value ${first.descending ? 'DESC' : 'ASC'}`, ...orders.map(({ text }) => text), ...LAST].join(', ')} LIMIT ? OFFSET ?`,
    first.key,
    ...values,
    ...orders.flatMap((order) => order.values),
    limit,
    offset,
  );
  return rows.length === limit ? rows.map(({ id }) => String(id)) : undefined;
}

async function findAll(sql: Sql, { where, values, orderings, limit, offset }: Prepared): Promise<string[]> {
  const orders = orderings.map((one) => orderOf(one));
  const rows = await sql.all(
    `SELECT r.run_uuid AS id FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE ${where}
     ORDER BY ${[...orders.map(({ text }) => text), ...LAST].join(', ')} LIMIT ? OFFSET ?`,
    ...values,
    ...orders.flatMap((order) => order.values),
    limit,
    offset,
  );
  return rows.map(({ id }) => String(id));
}

const LAST = ['r.start_time DESC NULLS LAST', 'r.run_uuid'];

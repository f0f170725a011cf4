import type { Dialect, Sql } from '../../db/sql.ts';
import { type Comparison, type Ordering, RUN_GRAMMAR } from '../filter.ts';
import { type Sql as Condition, conditionOf, passingRuns, runsBelow, type Searched } from '../filter-sql.ts';
import type { Position } from '../keyset.ts';
import { pageToken, positionOf, searchDigest } from '../page-token.ts';
import { columnKey, type SortKey } from '../sort-key.ts';
import { checkMaxResults, experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import type { Run } from './messages.ts';
import { metricBound } from './metric-bound.ts';
import { comparisonsOf, keysBy, orderingsOf, positionAt, rowsAfter, type Searchable } from './page.ts';
import { readRuns } from './runs.ts';
import { inView, type Search } from './search.ts';

/** Up to so many runs are looked up one by one; if more pass, runs are tried in their order until a page is full. */
const FEW = 2000;
/** Of the runs with the best values of a metric, so many pages are tried first. */
const PAGES_TRIED = 4;
/** By more than one condition fewer pass; SQLite reads the column anew each time, PostgreSQL only what is tried. */
const PAGES_OF_MANY: Readonly<Record<Dialect, number>> = { sqlite: 20, postgres: 4 };
/** Then so many times more, by how few of them passed. */
const [MORE_AT_LEAST, MORE_AT_MOST] = [2, 8];
const MOST_TRIED = 50_000;

const SEARCHABLE: Omit<Searchable, 'searched'> = {
  grammar: RUN_GRAMMAR,
  select: 'r.run_uuid',
  from: 'runs r JOIN experiments e ON e.experiment_id = r.experiment_id',
  last: [
    { ...columnKey('r.start_time', 'integer', 'DESC'), mayBeNull: true, isIndexed: true },
    columnKey('r.run_uuid', 'text'),
  ],
};

/** Ids of runs in their order. */
export interface RunIds {
  readonly ids: readonly string[];
  /** Whether others follow. */
  readonly isLast: boolean;
  /** Of the page after this one; undefined if this one is not full. */
  readonly pageToken: string | undefined;
}

/** A page of whole runs; there is a token when the page is full, even if nothing follows, as in MLflow. */
export async function searchRuns(
  sql: Sql,
  experiments: readonly string[],
  search: Search,
  root: string,
): Promise<{ runs: Run[]; next_page_token?: string }> {
  const { ids, pageToken } = await findRuns(sql, experiments, search, root);
  return {
    runs: await readRuns(sql, ids, root),
    ...(pageToken === undefined ? {} : { next_page_token: pageToken }),
  };
}

export async function findRuns(
  sql: Sql,
  experiments: readonly string[],
  search: Search,
  root: string,
): Promise<RunIds> {
  const { filter, view, maxResults, orderBy, pageToken: token } = search;
  checkMaxResults(maxResults);
  const numbers = experiments.flatMap((id) => experimentNumber(id) ?? []);
  const digest = searchDigest('runs', filter, orderBy, view, numbers);
  const searchable = { ...SEARCHABLE, searched: runsBelow(root) };
  const orderings = orderingsOf(searchable, search);
  const keys = keysBy(searchable, orderings);
  const position = positionOf(token, digest, keys);
  const { few, conditions } = await conditionsOf(sql, comparisonsOf(searchable, search), searchable.searched);
  const rowsOf = (narrow: Condition | undefined): ReturnType<typeof rowsAfter> =>
    rowsAfter(sql, {
      ...searchable,
      where: [
        inExperiments(sql, numbers, narrow !== undefined),
        inView('r.lifecycle_stage', view),
        ...conditions,
        ...(narrow === undefined ? [] : [narrow]),
      ],
      keys,
      position,
      limit: maxResults + 1,
    });
  const [first] = orderings;
  const best =
    few === undefined && first?.entity === 'metric'
      ? await bestRows(sql, first, { position, maxResults, conditions: conditions.length, rowsOf })
      : undefined;
  const rows = best ?? (await rowsOf(few));
  return pageOf(rows, { digest, keys, maxResults });
}

function pageOf(
  rows: Awaited<ReturnType<typeof rowsAfter>>,
  {
    digest,
    keys,
    maxResults,
  }: { readonly digest: string; readonly keys: readonly SortKey[]; readonly maxResults: number },
): RunIds {
  const last = rows[maxResults - 1];
  return {
    ids: rows.slice(0, maxResults).map((row) => String(row['run_uuid'])),
    isLast: rows.length <= maxResults,
    pageToken: last === undefined ? undefined : pageToken(digest, positionAt(last, keys)),
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

/**
 * The filter: what few runs pass as a list of them, the rest as conditions. No database knows how many
 * values of one key pass.
 */
async function conditionsOf(
  sql: Sql,
  comparisons: readonly Comparison[],
  searched: Searched,
): Promise<{ few: Condition | undefined; conditions: readonly Condition[] }> {
  let passing: ReadonlySet<string> | undefined;
  const conditions: Condition[] = [];
  for (const comparison of comparisons) {
    const few = await fewPassing(sql, comparison);
    if (few === undefined) conditions.push(conditionOf(comparison, sql.dialect, searched));
    else passing = passing === undefined ? few : few.intersection(passing);
  }
  if (passing === undefined) return { few: undefined, conditions };
  return {
    few: { text: `r.run_uuid IN ${inList(sql, 'text')}`, values: [listOf([...passing])] },
    conditions,
  };
}

async function fewPassing(sql: Sql, comparison: Comparison): Promise<Set<string> | undefined> {
  const passing = passingRuns(comparison, sql.dialect, FEW + 1);
  if (passing === undefined) return undefined;
  const rows = await sql.all(passing.text, ...passing.values);
  return rows.length > FEW ? undefined : new Set(rows.map((row) => String(row['run_uuid'])));
}

interface Tried {
  readonly position: Position | undefined;
  readonly maxResults: number;
  /** How many the filter has. */
  readonly conditions: number;
  /** The first rows of those that a condition narrows. */
  readonly rowsOf: (narrow: Condition) => ReturnType<typeof rowsAfter>;
}

/**
 * The first rows by a metric, of those whose values come next, ever more of them: sorting all that pass reads each.
 * Undefined where these fill no page, and what has no number comes.
 */
async function bestRows(
  sql: Sql,
  { key, descending }: Ordering,
  { position, maxResults, conditions, rowsOf }: Tried,
): Promise<Awaited<ReturnType<typeof rowsAfter>> | undefined> {
  const [isNan = 0, from] = position ?? [];
  if (isNan !== 0 || from === null) return undefined;
  const [atMost, atLeast] = descending ? ['<=', '>='] : ['>=', '<='];
  const next: Condition =
    from === undefined
      ? { text: 'key = ? AND is_nan = 0', values: [key] }
      : { text: `key = ? AND is_nan = 0 AND value ${atMost} ?`, values: [key, from] };
  let count = maxResults * (conditions > 1 ? PAGES_OF_MANY[sql.dialect] : PAGES_TRIED);
  while (count <= MOST_TRIED) {
    // Whatever the bound, what is beyond it is all there.
    const bound = await metricBound(sql, next, descending ? 'DESC' : 'ASC', count);
    const beyond =
      bound === undefined
        ? next
        : { text: `${next.text} AND value ${atLeast} ?`, values: [...next.values, bound] };
    const rows = await rowsOf({
      text: `r.run_uuid IN (SELECT run_uuid FROM metric_values WHERE ${beyond.text})`,
      values: beyond.values,
    });
    if (rows.length > maxResults) return rows;
    if (bound === undefined) break;
    const enough = (1.5 * maxResults) / (rows.length + 1);
    count *= Math.min(Math.max(Math.ceil(enough), MORE_AT_LEAST), MORE_AT_MOST);
  }
  return undefined;
}

import type { Sql } from '../../db/sql.ts';
import { partsAfter } from '../keyset.ts';
import { pageToken as pageTokenOf, positionOf, searchDigest } from '../page-token.ts';
import { columnKey, orderOf } from '../sort-key.ts';
import type { Metric } from './messages.ts';
import { storedNumber } from './stored-number.ts';

/** Points of a metric in one answer; clients that ask for all follow the token. */
const MAX_HISTORY = 25_000;

const KEYS = [
  columnKey('step', 'integer'),
  columnKey('timestamp', 'integer'),
  columnKey('value', 'double'),
  columnKey('is_nan', 'integer'),
];

/** A list of points as the database writes JSON: a row of each would cost three times as much. */
const LIST = {
  sqlite: `json_group_array(json_object('key', CAST(? AS text),
    'value', CASE WHEN is_nan = 1 THEN 'NaN' ELSE value END, 'timestamp', timestamp, 'step', step))`,
  postgres: `coalesce(json_agg(json_build_object('key', CAST(? AS text),
    'value', CASE WHEN is_nan = 1 THEN to_json('NaN'::text) ELSE to_json(value) END,
    'timestamp', timestamp, 'step', step)), '[]')::text`,
};

export interface HistoryPage {
  /** A list of `Metric`, as JSON, where what is no number is the text `NaN`. */
  readonly metrics: string;
  /** Only if more follow. */
  readonly next_page_token?: string;
}

/**
 * The points of a metric by step, time and value, a page at a time. The latest one follows all others: a page that
 * these fill has a next one.
 */
export async function historyPage(
  sql: Sql,
  run: string,
  key: string,
  { maxResults, pageToken }: { maxResults: number | undefined; pageToken: string | undefined },
): Promise<HistoryPage> {
  const wanted = maxResults === undefined || maxResults < 1 ? MAX_HISTORY : maxResults;
  const limit = Math.min(wanted, MAX_HISTORY);
  const search = searchDigest('a point of a metric', run, key);
  const [part] = partsAfter(KEYS, positionOf(pageToken, search, KEYS), sql.dialect);
  const row = await sql.get(
    `SELECT count(*) AS count, ${LIST[sql.dialect]} AS list FROM (
       SELECT step, timestamp, value, is_nan FROM earlier_metrics WHERE run_uuid = ? AND key = ? AND (${part?.text ?? 'TRUE'})
       ORDER BY ${orderOf(KEYS).text} LIMIT ?) AS points`,
    key,
    run,
    key,
    ...(part?.values ?? []),
    limit,
  );
  const earlier = String(row?.['list']);
  if (Number(row?.['count']) === limit)
    return { metrics: earlier, next_page_token: pageTokenOf(search, positionOfLast(earlier)) };
  const latest = await sql.get(
    `SELECT ${LIST[sql.dialect]} AS list FROM latest_metrics WHERE run_uuid = ? AND key = ?`,
    key,
    run,
    key,
  );
  return { metrics: joined(earlier, String(latest?.['list'])) };
}

/** Two lists as one, without reading them. */
function joined(a: string, b: string): string {
  if (a === '[]') return b;
  return b === '[]' ? a : `${a.slice(0, -1)},${b.slice(1)}`;
}

/** The points of a page's list. */
export function pointsOf(metrics: string): Metric[] {
  return JSON.parse(metrics, (name, value: unknown) =>
    name === 'value' ? Number(value) : value,
  ) as Metric[];
}

/** A key may hold a brace too, but no quote without a backslash before it. */
function positionOfLast(metrics: string): [number, number, number, number] {
  const [last] = pointsOf(`[${metrics.slice(metrics.lastIndexOf('{"key"'))}`);
  if (last === undefined) throw new Error('Internal error: a full page of a history holds no point');
  return [last.step, last.timestamp, ...storedNumber(last.value)];
}

import type { Sql } from '../../db/sql.ts';
import { columnKey } from '../sort-key.ts';
import type { Metric } from './messages.ts';
import { pageBy } from './page.ts';
import { metricOf } from './runs.ts';

/** Points of a metric in one answer; clients that ask for all follow the token. */
const MAX_HISTORY = 25_000;

const KEYS = [
  columnKey('step', 'integer'),
  columnKey('timestamp', 'integer'),
  columnKey('value', 'double'),
  columnKey('is_nan', 'integer'),
];
const POINTS = {
  grammar: { what: 'a point of a metric' },
  select: 'key, value, is_nan, step, timestamp',
  from: 'metrics',
};

/** The points of a metric by step, time and value, a page at a time. */
export async function metricHistory(
  sql: Sql,
  run: string,
  key: string,
  { maxResults, pageToken }: { maxResults: number | undefined; pageToken: string | undefined },
): Promise<{ metrics: Metric[]; next_page_token?: string }> {
  const wanted = maxResults === undefined || maxResults < 1 ? MAX_HISTORY : maxResults;
  const { rows, token } = await pageBy(
    sql,
    POINTS,
    { filter: '', orderBy: [], maxResults: Math.min(wanted, MAX_HISTORY), pageToken },
    [{ text: 'run_uuid = ? AND key = ?', values: [run, key] }],
    KEYS,
  );
  return { metrics: rows.map(metricOf), ...token };
}

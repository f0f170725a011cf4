import type { Sql } from '../../db/sql.ts';
import type { Sql as Condition } from '../filter-sql.ts';

/** Shorter columns are read whole. */
const LONG = 20_000;
/** Of a long one so many pieces, from all over it, as values grow or fall with time. */
const PIECES = 64;
/** Together the pieces are this part of it. */
const PART = 1 / 8;

/**
 * A value that about `count` of a metric's come before, among those that pass a condition on its columns;
 * undefined if about as many do not pass. SQLite has no index by value, so of a long column it reads a part.
 */
export async function metricBound(
  sql: Sql,
  passing: Condition,
  way: 'ASC' | 'DESC',
  count: number,
): Promise<number | undefined> {
  const length = sql.dialect === 'sqlite' ? await columnLength(sql) : 0;
  const last = `WHERE ${passing.text} ORDER BY value ${way} LIMIT 1 OFFSET ?`;
  const row =
    length < LONG
      ? await sql.get(`SELECT value FROM metric_columns ${last}`, ...passing.values, count)
      : await sql.get(
          `SELECT value FROM (SELECT value AS start FROM json_each(?)) AS piece
             CROSS JOIN metric_columns ON run_seq > piece.start AND run_seq <= piece.start + ? ${last}`,
          JSON.stringify(Array.from({ length: PIECES }, (_, index) => Math.floor((index * length) / PIECES))),
          Math.floor((length / PIECES) * PART),
          ...passing.values,
          Math.round(count * PART),
        );
  return row === undefined ? undefined : Number(row['value']);
}

/** The number of the latest run: as long as a column is that each run has. */
async function columnLength(sql: Sql): Promise<number> {
  return Number((await sql.get('SELECT max(run_seq) AS length FROM runs'))?.['length'] ?? 0);
}

import type { Sql } from '../../db/sql.ts';
import { inList, listOf } from './in-list.ts';
import type { Metric } from './messages.ts';
import { metricOf } from './runs.ts';

/** A point of a metric, and whose it is. */
export type RunMetric = Metric & { readonly run_id: string };

/** MLflow's limit for the points of a run in a sample. */
const MOST_OF_RUN = 2500;

/** Points of one metric of several runs, run by run, in the order of time. */
export async function metricHistories(
  sql: Sql,
  runs: readonly string[],
  key: string,
  limit: number,
): Promise<RunMetric[]> {
  const rows = await sql.all(
    `SELECT * FROM metrics WHERE run_uuid IN ${inList(sql, 'text')} AND key = ?
     ORDER BY run_uuid, timestamp, step, value LIMIT ?`,
    listOf(runs),
    key,
    limit,
  );
  return rows.map((row) => ({ ...metricOf(row), run_id: String(row['run_uuid']) }));
}

export interface Sample {
  /** First and last step, both included; of all steps, if it is undefined. */
  readonly interval: readonly [first: number, last: number] | undefined;
  /** How many steps, beside the first and the last one of each run. */
  readonly steps: number;
}

/**
 * Points of one metric of several runs at the same steps, spread evenly over those that any of them has: what
 * a chart of lines can show.
 */
export async function sampledHistories(
  sql: Sql,
  runs: readonly string[],
  key: string,
  { interval = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], steps }: Sample,
): Promise<RunMetric[]> {
  const where = `run_uuid IN ${inList(sql, 'text')} AND key = ? AND step >= ? AND step <= ?`;
  const values = [listOf(runs), key, ...interval];
  // Not through the view: SQLite would copy what it gives before it counts.
  const all = await sql.all(
    `SELECT DISTINCT step FROM earlier_metrics WHERE ${where} UNION SELECT step FROM latest_metrics WHERE ${where} ORDER BY step`,
    ...values,
    ...values,
  );
  const ends = await sql.all(
    `SELECT min(first) AS first, max(last) AS last FROM (
       SELECT run_uuid, min(step) AS first, max(step) AS last FROM earlier_metrics WHERE ${where} GROUP BY run_uuid
       UNION ALL SELECT run_uuid, step, step FROM latest_metrics WHERE ${where}) AS ends GROUP BY run_uuid`,
    ...values,
    ...values,
  );
  const shown = new Set(
    spread(
      all.map(({ step }) => Number(step)),
      steps,
    ),
  );
  for (const { first, last } of ends) shown.add(Number(first)).add(Number(last));
  const list = listOf([...shown]);
  const points: RunMetric[] = [];
  for (const run of new Set(runs)) {
    const rows = await sql.all(
      `SELECT * FROM metrics WHERE run_uuid = ? AND key = ? AND step IN ${inList(sql, 'integer')}
       ORDER BY step, timestamp, value LIMIT ?`,
      run,
      key,
      list,
      MOST_OF_RUN,
    );
    points.push(...rows.map((row) => ({ ...metricOf(row), run_id: run })));
  }
  return points;
}

/** So many of the values, and the last one. */
function spread(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values];
  const some = Array.from({ length: count }, (_, n) => values[Math.floor((n * values.length) / count)] ?? 0);
  return [...some, ...values.slice(-1)];
}

import type { Row, Sql } from '../../db/sql.ts';
import { arrangePoints, type Point, pointOf } from './arrange-points.ts';
import { inList, listOf } from './in-list.ts';
import type { Metric } from './messages.ts';
import { putPoints } from './put-points.ts';

/**
 * Each point is in one place: the latest of its metric in `latest_metrics`, the others in `earlier_metrics`; the
 * view `metrics` has them all. The caller holds the run, so that nobody else adds to it meanwhile.
 */
export async function writeMetrics(sql: Sql, run: string, metrics: readonly Metric[]): Promise<void> {
  if (metrics.length === 0) return;
  const points = metrics.map((metric) => pointOf(run, metric));
  await (sql.dialect === 'postgres' ? putPoints(sql, points) : writePoints(sql, points));
}

/** Points of several runs, which the caller holds. It looks what is there before it writes. */
export async function writePoints(sql: Sql, points: readonly Point[]): Promise<void> {
  const { latest, earlier, returned } = arrangePoints(points, await latestOf(sql, points));
  await sql.runMany(
    'INSERT INTO earlier_metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    earlier,
  );
  for (const point of returned)
    await sql.run(
      'DELETE FROM earlier_metrics WHERE run_uuid = ? AND key = ? AND step = ? AND timestamp = ? AND value = ? AND is_nan = ?',
      ...point,
    );
  await sql.runMany(
    `INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_uuid, key) DO UPDATE SET
       value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan`,
    latest,
  );
}

/** The latest points of the metrics that the points belong to, and perhaps of others of their runs. */
async function latestOf(sql: Sql, points: readonly Point[]): Promise<Point[]> {
  const runs = [...new Set(points.map(([run]) => run))];
  const keys = [...new Set(points.map(([, key]) => key))];
  const [run = '', key = ''] = points[0] ?? [];
  if (runs.length === 1 && keys.length === 1) {
    const row = await sql.get('SELECT * FROM latest_metrics WHERE run_uuid = ? AND key = ?', run, key);
    return row === undefined ? [] : [pointOfRow(row)];
  }
  const ofRuns = `FROM latest_metrics WHERE run_uuid IN ${inList(sql, 'text')}`;
  // To look for each key of a run that has none yet would cost more than this.
  if ((await sql.get(`SELECT 1 AS found ${ofRuns} LIMIT 1`, listOf(runs))) === undefined) return [];
  const rows = await sql.all(
    `SELECT * ${ofRuns} AND key IN ${inList(sql, 'text')}`,
    listOf(runs),
    listOf(keys),
  );
  return rows.map(pointOfRow);
}

function pointOfRow(row: Row): Point {
  const { run_uuid: run, key, step, timestamp, value, is_nan: isNan } = row;
  return [
    String(run),
    String(key),
    Number(step),
    Number(timestamp),
    Number(value),
    Number(isNan) === 1 ? 1 : 0,
  ];
}

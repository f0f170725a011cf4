import { arrayOf } from '../../db/postgres-array.ts';
import type { Row, Sql, SqlValue } from '../../db/sql.ts';
import { type Arranged, arrangePoints, type Point, pointOf } from './arrange-points.ts';
import { inList, listOf } from './in-list.ts';
import type { Metric } from './messages.ts';

/**
 * Each point is in one place: the latest of its metric in `latest_metrics`, the others in `earlier_metrics`; the
 * view `metrics` has them all. The caller holds the run, so that nobody else adds to it meanwhile.
 */
export async function writeMetrics(sql: Sql, run: string, metrics: readonly Metric[]): Promise<void> {
  if (metrics.length === 0) return;
  const points = metrics.map((metric) => pointOf(run, metric));
  const [point] = points;
  if (sql.dialect !== 'postgres') await writePoints(sql, points);
  else if (point !== undefined && points.length === 1) await putOne(sql, point);
  else await putAtOnce(sql, run, arrangePoints(points));
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

/**
 * One statement, which looks what is there: to be ready for a conflict on each row costs more. With OFFSET 0 it
 * looks for each point by its key, however many points the run has; for none where the run has no metric yet. A run that is
 * deleted takes none.
 */
const PUT = `WITH given AS MATERIALIZED (
    SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[]),
      CAST(? AS integer[]), CAST(? AS integer[])) AS columns (key, step, timestamp, value, is_nan, is_latest)
      WHERE EXISTS (SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active')),
  held AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM latest_metrics WHERE run_uuid = ?) AS latest),
  known AS MATERIALIZED (
    SELECT l.*, g.step AS new_step, g.timestamp AS new_timestamp, g.value AS new_value, g.is_nan AS new_is_nan,
        (g.step, g.timestamp, g.value) >= (l.step, l.timestamp, l.value)
          AND (g.step, g.timestamp, g.value, g.is_nan) <> (l.step, l.timestamp, l.value, l.is_nan) AS is_replaced,
        (g.step, g.timestamp, g.value) < (l.step, l.timestamp, l.value) AS is_before
      FROM given g CROSS JOIN LATERAL (
        SELECT l.key, l.step, l.timestamp, l.value, l.is_nan FROM latest_metrics l WHERE l.run_uuid = ? AND l.key = g.key OFFSET 0) l
      WHERE (SELECT latest FROM held) AND g.is_latest = 1),
  moved AS (
    INSERT INTO earlier_metrics (run_uuid, key, step, timestamp, value, is_nan)
      SELECT CAST(? AS text), key, step, timestamp, value, is_nan FROM known WHERE is_replaced
      UNION ALL
      SELECT CAST(? AS text), key, step, timestamp, value, is_nan FROM (
        SELECT key, new_step AS step, new_timestamp AS timestamp, new_value AS value, new_is_nan AS is_nan FROM known WHERE is_before
        UNION ALL
        SELECT key, step, timestamp, value, is_nan FROM given g WHERE is_latest = 0 AND (
          NOT (SELECT latest FROM held) OR NOT EXISTS (
            SELECT 1 FROM latest_metrics l WHERE l.run_uuid = ? AND l.key = g.key AND l.step = g.step
              AND l.timestamp = g.timestamp AND l.value = g.value AND l.is_nan = g.is_nan OFFSET 0))) p
        WHERE NOT (SELECT latest FROM held) OR NOT EXISTS (
          SELECT 1 FROM earlier_metrics e WHERE e.run_uuid = ? AND e.key = p.key AND e.step = p.step
            AND e.timestamp = p.timestamp AND e.value = p.value AND e.is_nan = p.is_nan OFFSET 0)),
  returned AS (
    DELETE FROM earlier_metrics e USING known k
      WHERE k.is_replaced AND (k.new_step, k.new_timestamp, k.new_value) = (k.step, k.timestamp, k.value) AND e.run_uuid = ?
        AND e.key = k.key AND e.step = k.step AND e.timestamp = k.timestamp AND e.value = k.value AND e.is_nan = k.new_is_nan),
  changed AS (
    UPDATE latest_metrics l SET value = k.new_value, timestamp = k.new_timestamp, step = k.new_step, is_nan = k.new_is_nan
      FROM known k WHERE k.is_replaced AND l.run_uuid = ? AND l.key = k.key)
  INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)
    SELECT CAST(? AS text), key, step, timestamp, value, is_nan FROM given g WHERE is_latest = 1 AND (
      NOT (SELECT latest FROM held) OR NOT EXISTS (
        SELECT 1 FROM latest_metrics l WHERE l.run_uuid = ? AND l.key = g.key OFFSET 0))`;

async function putAtOnce(sql: Sql, run: string, { latest, earlier }: Arranged): Promise<void> {
  const points = [...latest, ...earlier];
  const column = (index: number): string => arrayOf(points.map((point) => point[index] as SqlValue));
  const isLatest = arrayOf(points.map((_, index) => (index < latest.length ? 1 : 0)));
  const columns = [...[1, 2, 3, 4, 5].map(column), isLatest];
  await sql.run(PUT, ...columns, ...Array.from({ length: 11 }, () => run));
}

/** `PUT` for one point, in an eighth of its time: most of that goes into getting ready for what is not there. */
const PUT_ONE = `WITH given AS MATERIALIZED (
    SELECT run_uuid, CAST(? AS text) AS key, CAST(? AS bigint) AS step, CAST(? AS bigint) AS timestamp,
        CAST(? AS double precision) AS value, CAST(? AS integer) AS is_nan
      FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'),
  known AS MATERIALIZED (
    SELECT l.*, (g.step, g.timestamp, g.value) >= (l.step, l.timestamp, l.value) AS is_replaced
      FROM given g JOIN latest_metrics l ON l.run_uuid = g.run_uuid AND l.key = g.key
      WHERE (g.step, g.timestamp, g.value, g.is_nan) <> (l.step, l.timestamp, l.value, l.is_nan)),
  moved AS (
    INSERT INTO earlier_metrics (run_uuid, key, step, timestamp, value, is_nan)
      SELECT run_uuid, key, step, timestamp, value, is_nan FROM known WHERE is_replaced
      UNION ALL
      SELECT g.* FROM given g WHERE EXISTS (SELECT 1 FROM known WHERE NOT is_replaced)
      ON CONFLICT DO NOTHING),
  returned AS (
    DELETE FROM earlier_metrics e USING given g, known k
      WHERE k.is_replaced AND (g.step, g.timestamp, g.value) = (k.step, k.timestamp, k.value) AND e.run_uuid = g.run_uuid
        AND e.key = g.key AND e.step = g.step AND e.timestamp = g.timestamp AND e.value = g.value AND e.is_nan = g.is_nan)
  INSERT INTO latest_metrics AS l (run_uuid, key, step, timestamp, value, is_nan) SELECT * FROM given
    ON CONFLICT (run_uuid, key) DO UPDATE SET
      step = excluded.step, timestamp = excluded.timestamp, value = excluded.value, is_nan = excluded.is_nan
      WHERE (excluded.step, excluded.timestamp, excluded.value) >= (l.step, l.timestamp, l.value)
        AND (excluded.step, excluded.timestamp, excluded.value, excluded.is_nan) <> (l.step, l.timestamp, l.value, l.is_nan)`;

async function putOne(sql: Sql, [run, ...values]: Point): Promise<void> {
  await sql.run(PUT_ONE, ...values, run);
}

import { arrayOf } from '../../db/postgres-array.ts';
import type { Sql, SqlValue } from '../../db/sql.ts';
import { together } from '../../db/together.ts';
import { type Arranged, arrangePoints, type Point } from './arrange-points.ts';

/**
 * Points of runs that the caller holds, on PostgreSQL: as few statements as can be, none of which waits for
 * another's answer. A run that is deleted takes none.
 */
export async function putPoints(sql: Sql, points: readonly Point[]): Promise<void> {
  const [point] = points;
  if (point !== undefined && points.length === 1) return putOne(sql, point);
  const byRun = Map.groupBy(points, ([run]) => run);
  const arranged = Array.from(byRun, ([run, own]) => [run, arrangePoints(own)] as const);
  const isPlain = ({ earlier }: Arranged): boolean => byRun.size > 1 && earlier.length === 0;
  const plain = arranged.filter(([, own]) => isPlain(own)).flatMap(([, { latest }]) => latest);
  const others = arranged.filter(([, own]) => !isPlain(own));
  await together(
    () => putEach(sql, plain),
    ...others.map(
      ([run, own]) =>
        () =>
          putAtOnce(sql, run, own),
    ),
  );
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
  const isLatest = arrayOf(points.map((_, index) => (index < latest.length ? 1 : 0)));
  const columns = [...[1, 2, 3, 4, 5].map((index) => columnOf(points, index)), isLatest];
  await sql.run(PUT, ...columns, ...Array.from({ length: 11 }, () => run));
}

/** What becomes of a latest point that is there. */
const REPLACED = `ON CONFLICT (run_uuid, key) DO UPDATE SET
      step = excluded.step, timestamp = excluded.timestamp, value = excluded.value, is_nan = excluded.is_nan
      WHERE (excluded.step, excluded.timestamp, excluded.value) >= (l.step, l.timestamp, l.value)
        AND (excluded.step, excluded.timestamp, excluded.value, excluded.is_nan) <> (l.step, l.timestamp, l.value, l.is_nan)`;

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
  INSERT INTO latest_metrics AS l (run_uuid, key, step, timestamp, value, is_nan) SELECT * FROM given ${REPLACED}`;

async function putOne(sql: Sql, [run, ...values]: Point): Promise<void> {
  await sql.run(PUT_ONE, ...values, run);
}

/** `PUT_ONE` for points of several runs, each of another metric. It looks for each by its key, as `PUT` does. */
const PUT_EACH = `WITH given AS MATERIALIZED (
    SELECT g.* FROM unnest(CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[]),
        CAST(? AS integer[])) AS g (run_uuid, key, step, timestamp, value, is_nan)
      CROSS JOIN LATERAL (SELECT 1 FROM runs WHERE run_uuid = g.run_uuid AND lifecycle_stage = 'active' OFFSET 0) active),
  known AS MATERIALIZED (
    SELECT l.*, g.step AS new_step, g.timestamp AS new_timestamp, g.value AS new_value, g.is_nan AS new_is_nan,
        (g.step, g.timestamp, g.value) >= (l.step, l.timestamp, l.value) AS is_replaced,
        (g.step, g.timestamp, g.value) = (l.step, l.timestamp, l.value) AS is_returned
      FROM given g CROSS JOIN LATERAL (
        SELECT * FROM latest_metrics WHERE run_uuid = g.run_uuid AND key = g.key OFFSET 0) l
      WHERE (g.step, g.timestamp, g.value, g.is_nan) <> (l.step, l.timestamp, l.value, l.is_nan)),
  moved AS (
    INSERT INTO earlier_metrics (run_uuid, key, step, timestamp, value, is_nan)
      SELECT run_uuid, key, step, timestamp, value, is_nan FROM known WHERE is_replaced
      UNION ALL
      SELECT run_uuid, key, new_step, new_timestamp, new_value, new_is_nan FROM known WHERE NOT is_replaced
      ON CONFLICT DO NOTHING),
  returned AS (
    DELETE FROM earlier_metrics e USING known k
      WHERE EXISTS (SELECT 1 FROM known WHERE is_returned) AND k.is_returned AND e.run_uuid = k.run_uuid
        AND e.key = k.key AND e.step = k.step AND e.timestamp = k.timestamp AND e.value = k.value AND e.is_nan = k.new_is_nan)
  INSERT INTO latest_metrics AS l (run_uuid, key, step, timestamp, value, is_nan) SELECT * FROM given ${REPLACED}`;

async function putEach(sql: Sql, points: readonly Point[]): Promise<void> {
  if (points.length > 0)
    await sql.run(PUT_EACH, ...[0, 1, 2, 3, 4, 5].map((index) => columnOf(points, index)));
}

function columnOf(points: readonly Point[], index: number): string {
  return arrayOf(points.map((point) => point[index] as SqlValue));
}

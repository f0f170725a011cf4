import type { Row, Sql } from '../db/sql.ts';
import { holdSchedule } from './ticks.ts';

/** So many of a schedule's newest ticks stay, however old they are. */
export const KEPT_TICKS = 1000;
/** So long after its end a tick stays. */
export const KEPT_MS = 30 * 86_400_000;
/** No more at once: the schedule is held meanwhile. */
export const FORGOTTEN_AT_ONCE = 100;

/**
 * Forgets the oldest ticks of a schedule that have ended, with what was told of them. One that decides about ticks to
 * come stays: the last that ran to its end or failed, that saw something, or that follows a run. The schedule knows from
 * when to when there may have been ticks that are gone: none of them is made again.
 *
 * @returns how many; `FORGOTTEN_AT_ONCE`: there may be more
 */
export async function forgetTicks(sql: Sql, schedule: string, now: number): Promise<number> {
  if ((await holdSchedule(sql, schedule)) === undefined) return 0;
  const oldestKept = await sql.get(
    'SELECT nominal_at FROM ticks WHERE schedule_id = ? ORDER BY nominal_at DESC, number DESC LIMIT 1 OFFSET ?',
    schedule,
    KEPT_TICKS - 1,
  );
  if (oldestKept === undefined) return 0;
  const decisive = new Set<string>();
  for (const query of DECISIVE) {
    const row = await sql.get(query, schedule);
    if (row !== undefined) decisive.add(keyOf(row));
  }
  const old = await sql.all(
    `SELECT nominal_at, number, after_run FROM ticks t WHERE schedule_id = ? AND ended_at <= ? AND nominal_at < ?
     AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.schedule_id = t.schedule_id AND n.nominal_at = t.nominal_at
       AND n.number = t.number AND n.state = 'waiting')
     ORDER BY ended_at, nominal_at, number LIMIT ?`,
    schedule,
    now - KEPT_MS,
    Number(oldestKept['nominal_at']),
    FORGOTTEN_AT_ONCE + DECISIVE.length,
  );
  const gone = old.filter((row) => !decisive.has(keyOf(row))).slice(0, FORGOTTEN_AT_ONCE);
  for (const row of gone)
    for (const table of ['notifications', 'ticks'])
      await sql.run(
        `DELETE FROM ${table} WHERE schedule_id = ? AND nominal_at = ? AND number = ?`,
        schedule,
        Number(row['nominal_at']),
        Number(row['number']),
      );
  await markForgotten(sql, schedule, gone);
  return gone.length;
}

/** What of a schedule's ticks is asked when others fall due or end. Each has an index, or finds its row early. */
const DECISIVE = [
  `SELECT nominal_at, number FROM ticks WHERE schedule_id = ? AND state IN ('succeeded', 'failed', 'interrupted')
   ORDER BY ended_at DESC, nominal_at DESC, number DESC LIMIT 1`,
  `SELECT nominal_at, number FROM ticks WHERE schedule_id = ? AND seen IS NOT NULL
   AND state IN ('succeeded', 'rejected', 'unchanged') ORDER BY ended_at DESC, nominal_at DESC, number DESC LIMIT 1`,
  `SELECT nominal_at, number FROM ticks WHERE schedule_id = ? AND after_run IS NOT NULL
   ORDER BY nominal_at DESC, after_run DESC LIMIT 1`,
];

async function markForgotten(sql: Sql, schedule: string, gone: readonly Row[]): Promise<void> {
  if (gone.length === 0) return;
  const instants = gone.map((row) => Number(row['nominal_at']));
  const [from, to] = [Math.min(...instants), Math.max(...instants)];
  await sql.run(
    `UPDATE schedules SET
     forgotten_from = CASE WHEN forgotten_from < ? THEN forgotten_from ELSE ? END,
     forgotten_to = CASE WHEN forgotten_to > ? THEN forgotten_to ELSE ? END WHERE schedule_id = ?`,
    from,
    from,
    to,
    to,
    schedule,
  );
  // Ticks of the clock are behind the cursor already; an end is known by its tick alone.
  const ends = gone.filter((row) => row['after_run'] !== null).map((row) => Number(row['nominal_at']));
  if (ends.length === 0) return;
  const last = Math.max(...ends);
  await sql.run(
    'UPDATE schedules SET cursor_at = ? WHERE schedule_id = ? AND cursor_at < ?',
    last,
    schedule,
    last,
  );
}

function keyOf(row: Row): string {
  return `${String(row['nominal_at'])} ${String(row['number'])}`;
}

import type { Sql } from '../db/sql.ts';
import { holdSchedule } from './ticks.ts';

/**
 * Takes a schedule away, with its ticks and what is still to be told of them. Not while a scheduler has a tick of it: gives
 * that, with its run if it has one already, and nothing is taken away.
 */
export async function removeSchedule(
  sql: Sql,
  id: string,
  now: number,
): Promise<{ readonly run: string | undefined } | undefined> {
  await holdSchedule(sql, id);
  // One whose lease is over is nobody's.
  const going = await sql.get(
    `SELECT run_id FROM ticks WHERE schedule_id = ? AND state = 'running' AND lease_until > ?
     ORDER BY nominal_at, number LIMIT 1`,
    id,
    now,
  );
  if (going !== undefined) return { run: going['run_id'] === null ? undefined : String(going['run_id']) };
  await sql.run('DELETE FROM schedules WHERE schedule_id = ?', id);
  return undefined;
}

import { lock } from '../db/lock.ts';
import type { Sql } from '../db/sql.ts';
import type { Tick } from './ticks.ts';

/**
 * Asks for the end of the run of a tick whose id begins so: its scheduler hears of that when it renews its lease. Gives
 * the ids that begin so, of runs that go on in this project; of several none is asked for.
 */
export async function cancelTick(
  sql: Sql,
  { projectDir, start, by }: { readonly projectDir: string; readonly start: string; readonly by: string },
): Promise<string[]> {
  const rows = await sql.all(
    `SELECT schedule_id, nominal_at, number, run_id FROM ticks WHERE state = 'running' AND run_id >= ? AND run_id < ?
     AND schedule_id IN (SELECT schedule_id FROM schedules WHERE project_dir = ?) ORDER BY run_id${lock(sql, 'change')}`,
    start,
    `${start}\u{10FFFF}`,
    projectDir,
  );
  const [only] = rows;
  if (only !== undefined && rows.length === 1)
    await sql.run(
      'UPDATE ticks SET cancelled_by = ? WHERE schedule_id = ? AND nominal_at = ? AND number = ?',
      by,
      String(only['schedule_id']),
      Number(only['nominal_at']),
      Number(only['number']),
    );
  return rows.map((row) => String(row['run_id']));
}

/** Who asked for the end of a tick's run; undefined: nobody. */
export async function whoCancels(
  sql: Sql,
  { schedule, nominal, number }: Pick<Tick, 'schedule' | 'nominal' | 'number'>,
): Promise<string | undefined> {
  const row = await sql.get(
    'SELECT cancelled_by FROM ticks WHERE schedule_id = ? AND nominal_at = ? AND number = ?',
    schedule,
    nominal,
    number,
  );
  const by = row?.['cancelled_by'];
  return typeof by === 'string' ? by : undefined;
}

/** What stands with a tick that was cancelled. */
export function cancelNote(by: string): string {
  return `cancelled by ${by}`;
}

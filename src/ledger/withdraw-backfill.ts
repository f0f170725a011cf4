import type { Sql } from '../db/sql.ts';
import { holdSchedule } from './ticks.ts';

/** Takes back what was asked for from one instant to another and has no run. Gives how many ticks that were. */
export async function withdrawBackfill(
  sql: Sql,
  schedule: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<number> {
  await holdSchedule(sql, schedule);
  return sql.run(
    `DELETE FROM ticks WHERE schedule_id = ? AND cause = 'backfill' AND state = 'waiting'
     AND nominal_at >= ? AND nominal_at <= ?`,
    schedule,
    from,
    to,
  );
}

import type { ScheduleRules } from '../core/schedule-rules.ts';
import type { Row, Sql } from '../db/sql.ts';
import { nextNumber, placeOf, type Tick } from './ticks.ts';

/** A run of another recipe that succeeded, as far as a schedule that follows the recipe goes. */
export interface FollowedEnd {
  readonly run: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Names what the value was with which it ended; undefined: it is not looked at. */
  readonly value: string | undefined;
}

/**
 * Which of these ends have no tick yet and are to have one: with `onlyChanges` those whose value is not that of the
 * end before it that has one. In the order of their time.
 */
export async function endsWithoutTick<E extends FollowedEnd>(
  sql: Sql,
  schedule: string,
  ends: readonly E[],
  { onlyChanges }: { readonly onlyChanges: boolean },
): Promise<E[]> {
  const sorted = ends.toSorted(byTime);
  const [first] = sorted;
  if (first === undefined) return [];
  const known = await sql.all(
    `${TICKS} AND nominal_at >= ? ORDER BY nominal_at, after_run`,
    schedule,
    first.at,
  );
  const earlier = await sql.get(
    `${TICKS} AND nominal_at < ? ORDER BY nominal_at DESC, after_run DESC LIMIT 1`,
    schedule,
    first.at,
  );
  const ticked = known.map(endOf);
  const runs = await runsWithTick(sql, schedule, sorted);
  let last = earlier === undefined ? undefined : endOf(earlier).value;
  const found: E[] = [];
  for (const end of sorted) {
    if (runs.has(end.run)) continue;
    while (ticked[0] !== undefined && byTime(ticked[0], end) < 0) last = ticked.shift()?.value;
    if (onlyChanges && last !== undefined && end.value === last) continue;
    last = end.value;
    found.push(end);
  }
  return found;
}

/** By the run, not by when it ended: that another may have read by another clock. */
async function runsWithTick(sql: Sql, schedule: string, ends: readonly FollowedEnd[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let from = 0; from < ends.length; from += ASKED_AT_ONCE) {
    const some = ends.slice(from, from + ASKED_AT_ONCE).map(({ run }) => run);
    // One text, whatever there is to ask for: databases remember those they know.
    const padded = Array.from({ length: ASKED_AT_ONCE }, (_, index) => some[index] ?? some[0] ?? '');
    for (const row of await sql.all(RUNS_WITH_TICK, schedule, ...padded)) found.add(String(row['after_run']));
  }
  return found;
}

export interface EndOffer {
  readonly schedule: string;
  readonly cause: Tick['cause'];
  readonly overlap: ScheduleRules['overlap'];
  /** Why they are not run; undefined: they are, by the policy for those that fall due while a run goes on. */
  readonly leftOut?: string;
}

/**
 * Writes down a tick for each of these ends, which have none. The schedule is held (`holdSchedule`), so that nobody
 * else does the same meanwhile.
 */
export async function addEndTicks(
  sql: Sql,
  ends: readonly FollowedEnd[],
  { schedule, cause, overlap, leftOut }: EndOffer,
): Promise<void> {
  for (const { run, at, value } of ends) {
    const place =
      leftOut === undefined
        ? await placeOf(sql, { schedule, cause, nominal: at, overlap })
        : { state: 'skipped', note: leftOut };
    await sql.run(
      `INSERT INTO ticks (schedule_id, nominal_at, number, cause, state, epoch, note, ended_at, after_run, after_value)
       VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
      schedule,
      at,
      await nextNumber(sql, schedule, at),
      cause,
      place.state,
      place.note,
      place.state === 'skipped' ? at : null,
      run,
      value ?? null,
    );
  }
}

const ASKED_AT_ONCE = 50;
const RUNS_WITH_TICK = `SELECT after_run FROM ticks WHERE schedule_id = ?
  AND after_run IN (${Array.from({ length: ASKED_AT_ONCE }, () => '?').join(', ')})`;

const TICKS = `SELECT nominal_at, after_run, after_value FROM ticks WHERE schedule_id = ? AND after_run IS NOT NULL`;

function endOf(row: Row): FollowedEnd {
  const value = row['after_value'];
  return {
    run: String(row['after_run']),
    at: Number(row['nominal_at']),
    value: value === null ? undefined : String(value),
  };
}

function byTime(a: FollowedEnd, b: FollowedEnd): number {
  return a.at - b.at || (a.run < b.run ? -1 : Number(a.run > b.run));
}

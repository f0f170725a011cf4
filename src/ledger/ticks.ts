import type { ScheduleRules } from '../core/schedule-rules.ts';
import { lock } from '../db/lock.ts';
import type { Row, Sql } from '../db/sql.ts';

/**
 * Where a tick stands.
 *
 *     waiting ──▶ running ──▶ succeeded · rejected · failed · unchanged · interrupted
 *        └──────▶ skipped
 */
export type TickState =
  | 'waiting'
  | 'running'
  | 'succeeded'
  /** The run succeeded, and its verdict left the champion in place. */
  | 'rejected'
  | 'failed'
  /** Nothing that it looks at had changed: nothing was run. */
  | 'unchanged'
  | 'skipped'
  /** Whoever ran it was stopped, or died. */
  | 'interrupted';

/**
 * One instant of a schedule, unique by (schedule, nominal instant, number), and by the run that it follows if it does.
 * Times in milliseconds since the epoch.
 */
export interface Tick {
  readonly schedule: string;
  readonly nominal: number;
  /** 0; runs that are forced of the same instant count on, and so do two that follow runs which ended at once. */
  readonly number: number;
  readonly cause: 'clock' | 'caught-up' | 'backfill' | 'request' | 'after';
  readonly state: TickState;
  /** Raised by each claim: who holds an older one no longer writes. */
  readonly epoch: number;
  readonly leaseUntil: number | undefined;
  readonly run: string | undefined;
  /** The run of another recipe that it follows. */
  readonly after: string | undefined;
  /** What `only_if_changed` saw. */
  readonly seen: string | undefined;
  readonly note: string | undefined;
  /** One that was skipped ended at its instant. */
  readonly endedAt: number | undefined;
}

export interface Offer {
  readonly schedule: string;
  readonly cause: Tick['cause'];
  readonly instants: readonly number[];
  /** Up to here, everything is decided by this offer. */
  readonly cursor: number | undefined;
  readonly overlap: ScheduleRules['overlap'];
}

/**
 * Writes ticks down, each instant once, however many schedulers offer it, and moves the cursor. What is offered
 * by the clock while a run goes on follows the policy; all else waits for its turn. False: the schedule is paused
 * or gone, and nothing was written.
 */
export async function offerTicks(
  sql: Sql,
  { schedule, cause, instants, cursor, overlap }: Offer,
): Promise<boolean> {
  const held = await holdSchedule(sql, schedule);
  if (held === undefined || (held.isPaused && cause !== 'request' && cause !== 'backfill')) return false;
  for (const nominal of instants) {
    const { state, note } = await placeOf(sql, { schedule, cause, nominal, overlap });
    await sql.run(
      `INSERT INTO ticks (schedule_id, nominal_at, number, cause, state, epoch, note, ended_at)
       VALUES (?, ?, 0, ?, ?, 0, ?, ?) ON CONFLICT (schedule_id, nominal_at, number) DO NOTHING`,
      schedule,
      nominal,
      cause,
      state,
      note,
      state === 'skipped' ? nominal : null,
    );
  }
  if (cursor !== undefined)
    await sql.run(
      'UPDATE schedules SET cursor_at = ? WHERE schedule_id = ? AND cursor_at < ?',
      cursor,
      schedule,
      cursor,
    );
  return true;
}

/** From one instant to another, those that have a tick. */
export async function instantsWithTick(
  sql: Sql,
  schedule: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<ReadonlySet<number>> {
  const rows = await sql.all(
    'SELECT nominal_at FROM ticks WHERE schedule_id = ? AND number = 0 AND nominal_at >= ? AND nominal_at <= ?',
    schedule,
    from,
    to,
  );
  return new Set(rows.map((row) => Number(row['nominal_at'])));
}

/** A schedule as it is while nobody else changes it. */
export interface Held {
  readonly cursor: number;
  readonly isPaused: boolean;
  /** Whether there may have been a tick of this instant that is forgotten. */
  readonly isForgotten: (instant: number) => boolean;
}

/** Until the transaction ends, nobody else changes the schedule or its ticks. Undefined: there is none. */
export async function holdSchedule(sql: Sql, schedule: string): Promise<Held | undefined> {
  const row = await sql.get(
    `SELECT cursor_at, paused_at, forgotten_from, forgotten_to FROM schedules WHERE schedule_id = ?${lock(sql, 'change')}`,
    schedule,
  );
  if (row === undefined) return undefined;
  const { forgotten_from: from, forgotten_to: to } = row;
  return {
    cursor: Number(row['cursor_at']),
    isPaused: row['paused_at'] !== null,
    isForgotten: (instant) => from !== null && instant >= Number(from) && instant <= Number(to),
  };
}

/** What a tick does that is new, by the policy for those that fall due while a run goes on. */
export async function placeOf(
  sql: Sql,
  {
    schedule,
    cause,
    nominal,
    overlap,
  }: Pick<Tick, 'schedule' | 'cause' | 'nominal'> & Pick<Offer, 'overlap'>,
): Promise<{ readonly state: 'waiting' | 'skipped'; readonly note: string | null }> {
  const isBusy = (cause === 'clock' || cause === 'after') && (await count(sql, schedule, 'running')) > 0;
  if (isBusy && overlap === 'skip') return { state: 'skipped', note: 'an earlier run was going on' };
  if (isBusy && overlap === 'queue-one')
    await sql.run(
      `UPDATE ticks SET state = 'skipped', note = ?, ended_at = nominal_at WHERE schedule_id = ? AND state = 'waiting'
       AND cause IN ('clock', 'after') AND nominal_at < ?`,
      'a later one took its place',
      schedule,
      nominal,
    );
  return { state: 'waiting', note: null };
}

/** The number of one more tick of an instant. */
export async function nextNumber(sql: Sql, schedule: string, nominal: number): Promise<number> {
  const row = await sql.get(
    'SELECT COALESCE(MAX(number) + 1, 0) AS next FROM ticks WHERE schedule_id = ? AND nominal_at = ?',
    schedule,
    nominal,
  );
  return Number(row?.['next'] ?? 0);
}

/** Adds one more tick of an instant that has some. Gives its number. */
export async function forceTick(
  sql: Sql,
  { schedule, nominal, cause }: Pick<Tick, 'schedule' | 'nominal' | 'cause'>,
): Promise<number> {
  await holdSchedule(sql, schedule);
  const number = await nextNumber(sql, schedule, nominal);
  await sql.run(
    `INSERT INTO ticks (schedule_id, nominal_at, number, cause, state, epoch) VALUES (?, ?, ?, ?, 'waiting', 0)`,
    schedule,
    nominal,
    number,
    cause,
  );
  return number;
}

export interface Claim {
  readonly schedule: string;
  /** How many of the schedule's runs may go on at once. */
  readonly most: number;
  /** Names who claims, for people. */
  readonly by: string;
  readonly leaseUntil: number;
}

/**
 * Takes the oldest tick that waits, if its schedule may run one more now: of a paused one only what was asked for.
 * Undefined if there is none. Of any number that claim at once, one gets it.
 */
export async function claimTick(
  sql: Sql,
  { schedule, most, by, leaseUntil }: Claim,
): Promise<Tick | undefined> {
  const held = await holdSchedule(sql, schedule);
  if (held === undefined) return undefined;
  if ((await count(sql, schedule, 'running')) >= most) return undefined;
  const asked = held.isPaused ? ` AND cause IN ('request', 'backfill')` : '';
  const row = await sql.get(
    `SELECT * FROM ticks WHERE schedule_id = ? AND state = 'waiting'${asked} ORDER BY nominal_at, number LIMIT 1`,
    schedule,
  );
  if (row === undefined) return undefined;
  const tick = tickOf(row);
  const epoch = tick.epoch + 1;
  await sql.run(
    `UPDATE ticks SET state = 'running', claimed_by = ?, lease_until = ?, epoch = ?
     WHERE schedule_id = ? AND nominal_at = ? AND number = ?`,
    by,
    leaseUntil,
    epoch,
    schedule,
    tick.nominal,
    tick.number,
  );
  return { ...tick, state: 'running', leaseUntil, epoch };
}

/** Prolongs a claim. False: it was taken away, and whoever held it must stop. */
export async function renewTick(sql: Sql, tick: Tick, leaseUntil: number): Promise<boolean> {
  return update(sql, tick, 'lease_until = ?', leaseUntil);
}

/** Says which run the tick gets, before there is one: from here on it gets no other, unless that never begins. False: as `renewTick`. */
export async function nameRun(sql: Sql, tick: Tick, run: string): Promise<boolean> {
  return update(sql, tick, 'run_id = ?', run);
}

export interface TickEnd {
  readonly state: 'succeeded' | 'rejected' | 'failed' | 'unchanged' | 'interrupted';
  readonly seen?: string | undefined;
  readonly note?: string | undefined;
}

/** What a tick waits for that was begun with, and is not run yet. */
export interface TickWait {
  readonly state: 'waiting';
  readonly note: string;
}

/** Says what a tick that is held waits for: no run of it has begun. False: as `renewTick`. */
export async function noteWait(sql: Sql, tick: Tick, note: string): Promise<boolean> {
  return update(sql, tick, 'run_id = NULL, note = ?', note);
}

/** Leaves a tick that is held, and of which no run has begun, to whoever looks next. False: as `renewTick`. */
export async function giveBack(sql: Sql, tick: Tick, note?: string): Promise<boolean> {
  const set = `state = 'waiting', claimed_by = NULL, lease_until = NULL, run_id = NULL`;
  return note === undefined ? update(sql, tick, set) : update(sql, tick, `${set}, note = ?`, note);
}

/** Ends a tick that is held. False: as `renewTick`, or it has ended. */
export async function endTick(
  sql: Sql,
  tick: Tick,
  { state, at, seen, note }: TickEnd & { readonly at: number },
): Promise<boolean> {
  return update(
    sql,
    tick,
    'state = ?, ended_at = ?, seen = ?, note = ?, lease_until = NULL',
    state,
    at,
    seen ?? null,
    note ?? null,
  );
}

/** Whether this claim has ended it so: that it did may have been committed, and not heard of. */
export async function hasEnded(
  sql: Sql,
  { schedule, nominal, number, epoch }: Tick,
  { state, note }: TickEnd,
): Promise<boolean> {
  const row = await sql.get(
    'SELECT state, note FROM ticks WHERE schedule_id = ? AND nominal_at = ? AND number = ? AND epoch = ?',
    schedule,
    nominal,
    number,
    epoch,
  );
  return row?.['state'] === state && row['note'] === (note ?? null);
}

/** Why a tick is interrupted that nobody has any more. */
export const SCHEDULER_DIED = 'its scheduler died';

/**
 * Takes over what schedulers that died have left: a tick whose run may have begun is closed as interrupted, one
 * that had none yet waits again. Gives those that were closed.
 */
export async function closeLapsed(sql: Sql, schedule: string, now: number): Promise<Tick[]> {
  await holdSchedule(sql, schedule);
  const rows = await sql.all(
    `SELECT * FROM ticks WHERE schedule_id = ? AND state = 'running' AND lease_until <= ?`,
    schedule,
    now,
  );
  const closed: Tick[] = [];
  for (const tick of rows.map(tickOf)) {
    if (tick.run === undefined) await giveBack(sql, tick);
    else {
      await endTick(sql, tick, { state: 'interrupted', at: now, note: SCHEDULER_DIED });
      closed.push(tick);
    }
  }
  return closed;
}

/** The newest ticks first. */
export async function listTicks(sql: Sql, schedule: string, limit: number): Promise<Tick[]> {
  const rows = await sql.all(
    'SELECT * FROM ticks WHERE schedule_id = ? ORDER BY nominal_at DESC, number DESC LIMIT ?',
    schedule,
    limit,
  );
  return rows.map(tickOf);
}

/** What the last tick saw that ran to an end, or found nothing changed. */
export async function lastSeen(sql: Sql, schedule: string): Promise<string | undefined> {
  const row = await sql.get(
    `SELECT seen FROM ticks WHERE schedule_id = ? AND seen IS NOT NULL AND state IN ('succeeded', 'rejected', 'unchanged')
     ORDER BY ended_at DESC, nominal_at DESC, number DESC LIMIT 1`,
    schedule,
  );
  return row === undefined ? undefined : String(row['seen']);
}

/** Whether of the ticks that succeeded or did not the last one did not: it failed, or was interrupted. Holds the schedule: no other ends meanwhile. */
export async function hadFailed(sql: Sql, schedule: string): Promise<boolean> {
  await holdSchedule(sql, schedule);
  const row = await sql.get(
    `SELECT state FROM ticks WHERE schedule_id = ? AND state IN ('succeeded', 'failed', 'interrupted')
     ORDER BY ended_at DESC, nominal_at DESC, number DESC LIMIT 1`,
    schedule,
  );
  return row !== undefined && row['state'] !== 'succeeded';
}

async function count(sql: Sql, schedule: string, state: TickState): Promise<number> {
  const row = await sql.get(
    'SELECT COUNT(*) AS count FROM ticks WHERE schedule_id = ? AND state = ?',
    schedule,
    state,
  );
  return Number(row?.['count'] ?? 0);
}

/** Changes a tick if it is still held by this claim. `set` is ours, never text of others. */
async function update(
  sql: Sql,
  { schedule, nominal, number, epoch }: Tick,
  set: string,
  ...values: readonly (string | number | null)[]
): Promise<boolean> {
  const changed = await sql.run(
    `UPDATE ticks SET ${set} WHERE schedule_id = ? AND nominal_at = ? AND number = ? AND epoch = ? AND state = 'running'`,
    ...values,
    schedule,
    nominal,
    number,
    epoch,
  );
  return changed > 0;
}

function tickOf(row: Row): Tick {
  const number = (key: string): number | undefined => (row[key] === null ? undefined : Number(row[key]));
  const text = (key: string): string | undefined => (row[key] === null ? undefined : String(row[key]));
  return {
    schedule: String(row['schedule_id']),
    nominal: Number(row['nominal_at']),
    number: Number(row['number']),
    cause: row['cause'] as Tick['cause'],
    state: row['state'] as TickState,
    epoch: Number(row['epoch']),
    leaseUntil: number('lease_until'),
    run: text('run_id'),
    after: text('after_run'),
    seen: text('seen'),
    note: text('note'),
    endedAt: number('ended_at'),
  };
}

import { createHash } from 'node:crypto';
import type { ScheduleRules } from '../core/schedule-rules.ts';
import { nominalInstants } from './instants.ts';

/** A tick that is started within this time of its instant was not missed. */
const ON_TIME_MS = 60_000;

/** What a scheduler has to do about a schedule now. */
export interface Due {
  /** Nominal instants that were missed and are to be run all the same, oldest first. */
  readonly caughtUp: readonly number[];
  /** Nominal instants whose time it is, oldest first. */
  readonly onTime: readonly number[];
  /** Up to here, everything is decided: what was missed and is not in `caughtUp` is not run. */
  readonly cursor: number;
  /** When to look again; undefined: there is no more tick. */
  readonly wakeAt: number | undefined;
  /** How many ticks the policy leaves out. */
  readonly missed: number;
}

export interface DueRequest {
  /** Identifies the schedule: ticks of two schedules do not share their jitter. */
  readonly schedule: string;
  /** The last instant that was decided. */
  readonly cursor: number;
  readonly now: number;
}

/** Which ticks after the cursor are to be run now, by the schedule's policy for missed ones. */
export function dueTicks(rules: ScheduleRules, { schedule, cursor, now }: DueRequest): Due {
  const missed: number[] = [];
  const onTime: number[] = [];
  let left = 0;
  let decided = cursor;
  let wakeAt: number | undefined;
  // What is older than the window is never run: stepping over it one by one could take years of minutes.
  const instants = nominalInstants(rules, Math.max(cursor, oldestDue(rules, now)));
  for (const [nominal, gapMs] of withGaps(instants)) {
    const fireAt = nominal + jitterOf(rules, schedule, nominal, gapMs);
    if (fireAt > now) {
      wakeAt = fireAt;
      break;
    }
    decided = nominal;
    if (now - fireAt <= ON_TIME_MS) onTime.push(nominal);
    else if (now - fireAt <= rules.windowMs) missed.push(nominal);
    else left += 1;
  }
  const kept = keptOf(missed, onTime.length, rules.catchUp);
  return {
    caughtUp: kept,
    onTime,
    cursor: decided,
    wakeAt,
    missed: left + missed.length - kept.length,
  };
}

/** Each with the time to the next. */
function* withGaps(instants: Iterable<number>): Generator<readonly [instant: number, gapMs: number], void> {
  let last: number | undefined;
  for (const instant of instants) {
    if (last !== undefined) yield [last, instant - last];
    last = instant;
  }
  if (last !== undefined) yield [last, Infinity];
}

/** Ticks of before this instant were missed, and are not run. */
export function oldestDue({ windowMs, jitterMs }: ScheduleRules, now: number): number {
  return now - Math.max(windowMs, ON_TIME_MS) - jitterMs;
}

/** What a scheduler has to do now about ends of runs that a schedule follows, each list oldest first. */
export interface DueEnds<E> {
  readonly caughtUp: readonly E[];
  readonly onTime: readonly E[];
  /** What the policy leaves out. */
  readonly leftOut: readonly E[];
  /** When the jitter of the next of them is over; undefined: of none. */
  readonly wakeAt: number | undefined;
}

/** As `dueTicks`, of ends that are there, oldest first, instead of instants of a clock. */
export function dueEnds<E extends { readonly at: number }>(
  rules: ScheduleRules,
  { schedule, now }: Pick<DueRequest, 'schedule' | 'now'>,
  ends: readonly E[],
): DueEnds<E> {
  const lateness = (end: E): number => now - end.at - jitterOf(rules, schedule, end.at);
  const past = ends.filter((end) => lateness(end) >= 0);
  const onTime = past.filter((end) => lateness(end) <= ON_TIME_MS);
  const missed = past.filter((end) => lateness(end) > ON_TIME_MS);
  const inWindow = missed.filter((end) => lateness(end) <= rules.windowMs);
  const caughtUp = keptOf(inWindow, onTime.length, rules.catchUp);
  const waits = ends.map((end) => now - lateness(end)).filter((at) => at > now);
  return {
    caughtUp,
    onTime,
    leftOut: missed.filter((end) => !caughtUp.includes(end)),
    wakeAt: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** With `one` a tick that is on time stands for all that were missed. */
function keptOf<T>(missed: readonly T[], onTime: number, catchUp: ScheduleRules['catchUp']): readonly T[] {
  if (catchUp === 'all') return missed;
  return catchUp === 'one' && onTime === 0 ? missed.slice(-1) : [];
}

/**
 * How long after its nominal instant a tick is started: less than `jitterMs`, and less than it is to the next one, so
 * that none passes another. The same for every scheduler.
 */
export function jitterOf(
  { jitterMs }: ScheduleRules,
  schedule: string,
  nominal: number,
  gapMs = Infinity,
): number {
  if (jitterMs === 0) return 0;
  const hash = createHash('sha256')
    .update(JSON.stringify([schedule, nominal]))
    .digest();
  return Math.floor((hash.readUInt32BE(0) / 2 ** 32) * Math.min(jitterMs, gapMs));
}

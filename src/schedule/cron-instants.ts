import { type Cron, isCronDate } from '../core/cron.ts';
import type { Zone } from './zone.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** After so many days without a date there is none: 29 February comes again within eight years. */
const MOST_DAYS = 9 * 366;

/**
 * The instants of a cron line in a zone, after `after`, in order.
 *
 * Where hours are named, a local time that does not exist gives the next valid instant, and one that exists twice
 * the first of both. A line for every hour (`30 * * * *`) ticks in every real hour instead.
 */
export function* cronInstants(cron: Cron, zone: Zone, after: number): Generator<number, void> {
  const today = Math.floor((after + zone.offsetAt(after)) / DAY_MS);
  let last = after;
  // What a gap pushes out of the day before may still come.
  for (let date = today - 1, idle = 0; idle < MOST_DAYS; date += 1, idle += 1) {
    if (!isDate(cron, date * DAY_MS)) continue;
    idle = 0;
    for (const instant of instantsOfDate(cron, zone, date * DAY_MS)) {
      if (instant <= last) continue;
      yield instant;
      last = instant;
    }
  }
}

function isDate(cron: Cron, midnight: number): boolean {
  const date = new Date(midnight);
  return isCronDate(cron, {
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
  });
}

/** In order. `midnight` is local, written as if it were UTC. */
function instantsOfDate(cron: Cron, zone: Zone, midnight: number): number[] {
  const found = cron.hours.size === 24 ? everyHour(cron, zone, midnight) : namedHours(cron, zone, midnight);
  return [...new Set(found)].toSorted((a, b) => a - b);
}

function namedHours({ hours, minutes }: Cron, zone: Zone, midnight: number): number[] {
  return [...hours].flatMap((hour) =>
    Array.from(minutes, (minute) => zone.instantOf(midnight + hour * HOUR_MS + minute * MINUTE_MS)),
  );
}

function everyHour({ minutes }: Cron, zone: Zone, midnight: number): number[] {
  const begin = zone.instantOf(midnight);
  const end = zone.instantOf(midnight + DAY_MS);
  const change = zone.transition(begin, end);
  const early = zone.offsetAt(begin);
  const found: number[] = [];
  for (let instant = begin; instant < end; instant += MINUTE_MS) {
    const offset = change === undefined || instant < change.at ? early : change.after;
    if (minutes.has(minuteOf(instant + offset))) found.push(instant);
  }
  if (change === undefined || change.after < change.before) return found;
  // A gap that is no whole hour may hold the only tick of an hour, as Lord Howe's does.
  const gapEnd = change.at + change.after;
  const left = [...minutes].filter((minute) => minute >= minuteOf(gapEnd));
  return minuteOf(gapEnd) > 0 && left.length === 0 ? [...found, change.at] : found;
}

function minuteOf(local: number): number {
  return Math.floor(local / MINUTE_MS) % 60;
}

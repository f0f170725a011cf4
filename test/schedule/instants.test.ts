import { type Arbitrary, assert, constantFrom, integer, option, property, uniqueArray } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Rhythm, ScheduleRules } from '../../src/core/schedule-rules.ts';
import { nominalInstants } from '../../src/schedule/instants.ts';
import { expectedTicks, type Line, wallClock } from './wall-clock.ts';

const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'] as const;
const YEAR = [Date.UTC(2027, 0, 1), Date.UTC(2028, 0, 1)] as const;
const DAY_MS = 86_400_000;

const LINES: readonly Line[] = [
  { text: '* * * * *', everyHour: true, matches: () => true },
  { text: '0 * * * *', everyHour: true, matches: (d) => d.getUTCMinutes() === 0 },
  { text: '30 * * * *', everyHour: true, matches: (d) => d.getUTCMinutes() === 30 },
  { text: '*/7 * * * *', everyHour: true, matches: (d) => d.getUTCMinutes() % 7 === 0 },
  { text: '30 2 * * *', everyHour: false, matches: (d) => at(d, [2], [30]) },
  { text: '15 2 * * *', everyHour: false, matches: (d) => at(d, [2], [15]) },
  { text: '45 1 * * *', everyHour: false, matches: (d) => at(d, [1], [45]) },
  { text: '*/20 2 * * *', everyHour: false, matches: (d) => at(d, [2], [0, 20, 40]) },
  { text: '10 1-3 * * sun', everyHour: false, matches: (d) => at(d, [1, 2, 3], [10]) && d.getUTCDay() === 0 },
  {
    text: '0 */2 * * *',
    everyHour: false,
    matches: (d) => d.getUTCMinutes() === 0 && d.getUTCHours() % 2 === 0,
  },
  { text: '@monthly', everyHour: false, matches: (d) => at(d, [0], [0]) && d.getUTCDate() === 1 },
  {
    text: '0 9 13 * fri',
    everyHour: false,
    matches: (d) => at(d, [9], [0]) && (d.getUTCDate() === 13 || d.getUTCDay() === 5),
  },
];

describe.each(ZONES)('in %s, a year of a clock on the wall says when to tick', (zone) => {
  const year = wallClock(zone, ...YEAR);
  test.each(LINES)('$text', (line) => {
    expect(ticks({ kind: 'cron', cron: line.text, timezone: zone }, ...YEAR)).toEqual(
      expectedTicks(year, line),
    );
  });

  test('any hours and minutes, around both changes of the clock', () => {
    const changes = year.filter(({ local }, i) => i > 0 && local !== (year[i - 1]?.local ?? 0) + 1);
    expect(changes).toHaveLength(2);
    const numbers = (most: number): Arbitrary<number[]> =>
      uniqueArray(integer({ min: 0, max: most }), { minLength: 1, maxLength: 5 });
    assert(
      property(numbers(59), option(numbers(23)), constantFrom(...changes), (minutes, hours, change) => {
        const from = Math.floor(change.instant / DAY_MS) * DAY_MS - 2 * DAY_MS;
        const to = from + 5 * DAY_MS;
        const line: Line = {
          text: `${minutes.join()} ${hours?.join() ?? '*'} * * *`,
          everyHour: hours === null,
          matches: (d) => at(d, hours ?? [d.getUTCHours()], minutes),
        };
        const days = year.filter(({ instant }) => instant >= from && instant < to);
        expect(ticks({ kind: 'cron', cron: line.text, timezone: zone }, from, to)).toEqual(
          expectedTicks(days, line),
        );
      }),
      { numRuns: 60 },
    );
  });
});

test('a time that does not exist runs at the next valid instant, three of them at the same once', () => {
  const [from, to] = [Date.UTC(2026, 2, 29), Date.UTC(2026, 2, 30)];
  expect(shown(ticks({ kind: 'cron', cron: '*/20 2 * * *', timezone: 'Europe/Berlin' }, from, to))).toEqual([
    '2026-03-29T01:00:00.000Z',
  ]);
});

test('`every` counts from the start of the schedule, or else from the epoch', () => {
  const [from, to] = [Date.UTC(2027, 0, 1), Date.UTC(2027, 0, 2)];
  const every: Rhythm = { kind: 'every', everyMs: 7 * 3_600_000 };
  const start = from + 3_600_000;
  expect(shown(ticks(every, from, to, { start, end: from + 16 * 3_600_000 }))).toEqual([
    '2027-01-01T01:00:00.000Z',
    '2027-01-01T08:00:00.000Z',
    '2027-01-01T15:00:00.000Z',
  ]);
  for (const tick of ticks(every, from, to)) expect(tick % every.everyMs).toBe(0);
});

test('a date that comes every four years is found, one that never comes ends', () => {
  const leap = nominalInstants(
    rulesOf({ kind: 'cron', cron: '0 0 29 2 *', timezone: 'UTC' }),
    Date.UTC(2097, 0),
  );
  expect(new Date(leap.next().value ?? 0).toISOString()).toBe('2104-02-29T00:00:00.000Z');
});

function at(date: Date, hours: readonly number[], minutes: readonly number[]): boolean {
  return hours.includes(date.getUTCHours()) && minutes.includes(date.getUTCMinutes());
}

/** From `from` on, before `to`. */
function ticks(when: Rhythm, from: number, to: number, bounds: Partial<ScheduleRules> = {}): number[] {
  const found: number[] = [];
  for (const instant of nominalInstants({ ...rulesOf(when), ...bounds }, from - 1)) {
    if (instant >= to) break;
    found.push(instant);
  }
  return found;
}

function rulesOf(when: Rhythm): ScheduleRules {
  return { when, jitterMs: 0, overlap: 'skip', catchUp: 'one', windowMs: DAY_MS };
}

function shown(instants: readonly number[]): string[] {
  return instants.map((instant) => new Date(instant).toISOString());
}

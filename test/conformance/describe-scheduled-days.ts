import { describe, expect, test } from 'vitest';
import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Clock } from '../../src/core/world.ts';
import type { Database } from '../../src/db/sql.ts';
import { KEPT_TICKS } from '../../src/ledger/forget-ticks.ts';
import { applySchedule } from '../../src/ledger/schedules.ts';
import { listTicks } from '../../src/ledger/ticks.ts';
import { ledgerScheduler, NOWHERE } from '../rigs/ledger-scheduler.ts';
import { expectedTicks, type Line, type Minute, wallClock } from '../schedule/wall-clock.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'] as const;
const YEAR = [Date.UTC(2027, 0, 1), Date.UTC(2028, 0, 1)] as const;
/** More than there are. */
const MANY = 1_000_000;

const at = (date: Date, hour: number, minute: number): boolean =>
  date.getUTCHours() === hour && date.getUTCMinutes() === minute;

const EACH_MINUTE: Line = { text: '* * * * *', everyHour: true, matches: () => true };
const HOURLY: Line = { text: '30 * * * *', everyHour: true, matches: (d) => d.getUTCMinutes() === 30 };
const NIGHTLY: readonly Line[] = [
  { text: '30 2 * * *', everyHour: false, matches: (d) => at(d, 2, 30) },
  { text: '15 2 * * *', everyHour: false, matches: (d) => at(d, 2, 15) },
  { text: '45 1 * * *', everyHour: false, matches: (d) => at(d, 1, 45) },
];

/**
 * Two schedulers on one ledger, and a clock that goes on from tick to tick, beside what a clock on the wall says.
 *
 * @param marginMs of a line for each minute so much is run before and after each change of the clock
 */
export function describeScheduledDays(
  name: string,
  open: () => Promise<OpenLedgers>,
  marginMs: number,
): void {
  describe.each(ZONES)(`two schedulers in %s (${name})`, (zone) => {
    const year = wallClock(zone, ...YEAR);
    const changes = year.filter(({ local }, i) => i > 0 && local !== (year[i - 1]?.local ?? 0) + 1);

    test.each([0, 1])(
      'run each tick once around the change %i of the clock, and leave none out',
      async (n) => {
        expect(changes).toHaveLength(2);
        const middle = changes[n]?.instant ?? 0;
        const minutes = year.filter(({ instant }) => Math.abs(instant - middle) < marginMs);
        await expectEachOnce(open, zone, minutes, [EACH_MINUTE, HOURLY, ...NIGHTLY]);
      },
    );
  });
}

/** As `describeScheduledDays`, from the first to the last day of a year. */
export function describeScheduledYear(name: string, open: () => Promise<OpenLedgers>): void {
  test.each(ZONES)(
    `two schedulers in %s run each hourly and nightly tick of a year once (${name})`,
    async (zone) => {
      const year = wallClock(zone, ...YEAR);
      expect(year).toHaveLength(365 * 24 * 60);
      await expectEachOnce(open, zone, year, [HOURLY, ...NIGHTLY.slice(0, 1)]);
    },
    900_000,
  );
}

async function expectEachOnce(
  open: () => Promise<OpenLedgers>,
  zone: string,
  minutes: readonly Minute[],
  lines: readonly Line[],
): Promise<void> {
  await using ledgers = await open();
  const [first] = ledgers.schedulers;
  const [from, to] = [minutes[0]?.instant ?? 0, minutes.at(-1)?.instant ?? 0];
  for (const { text } of lines) await apply(first, text, zone, { from, to });
  const ran = new Map(lines.map(({ text }) => [text, new Array<number>()]));
  let now = from - 1;
  const schedulers = ledgers.schedulers.map((ledger) =>
    ledgerScheduler({
      ledger,
      clock: clockAt(() => now),
      now: async () => now,
      run: async ({ schedule, held }) => {
        expect(await held.name(`run of ${held.tick.nominal}`)).toBe(true);
        ran.get(schedule.id)?.push(held.tick.nominal);
        return { state: 'succeeded' };
      },
      signal: new AbortController().signal,
      onEvent: () => {},
      onWarning: (message) => expect.unreachable(message),
    }),
  );
  for (;;) {
    const waits = await Promise.all(schedulers.map((scheduler) => scheduler.look()));
    for (const scheduler of schedulers) await scheduler.settled();
    const wait = Math.min(...waits);
    if (wait === Infinity) break;
    now += wait;
  }
  for (const line of lines) {
    const expected = expectedTicks(minutes, line);
    expect(ran.get(line.text)).toEqual(expected);
    const ticks = await first.read((sql) => listTicks(sql, line.text, MANY));
    // Those of before the last month may be forgotten.
    expect(ticks.length).toBeGreaterThanOrEqual(Math.min(expected.length, KEPT_TICKS));
    expect(ticks.map(({ nominal, state }) => [nominal, state])).toEqual(
      expected
        .slice(-ticks.length)
        .toReversed()
        .map((instant) => [instant, 'succeeded']),
    );
  }
}

/** A tick that is late is lost: nothing is caught up. */
async function apply(
  ledger: Database,
  cron: string,
  timezone: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const settings: ScheduleSettings = {
    when: { kind: 'cron', cron, timezone },
    end: to,
    jitterMs: 0,
    overlap: 'skip',
    catchUp: 'none',
    windowMs: 60_000,
    pauseOnFailure: false,
    onlyIfChanged: [],
  };
  const applied = { snapshot: 'none', appliedAt: from - 1, appliedBy: 'me', settings };
  await ledger.write((sql) => applySchedule(sql, { id: cron, projectDir: NOWHERE, name: cron, ...applied }));
}

/** Nobody sleeps so long that time goes on. */
function clockAt(now: () => number): Clock {
  return {
    now,
    monotonic: now,
    sleep: async (_, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  };
}

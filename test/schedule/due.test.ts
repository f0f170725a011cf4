import { array, assert, constantFrom, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ScheduleRules } from '../../src/core/schedule-rules.ts';
import { dueEnds, dueTicks, jitterOf } from '../../src/schedule/due.ts';
import { nominalInstants } from '../../src/schedule/instants.ts';

const HOUR = 3_600_000;
const HOURLY: ScheduleRules = {
  when: { kind: 'cron', cron: '0 * * * *', timezone: 'UTC' },
  jitterMs: 0,
  overlap: 'skip',
  catchUp: 'one',
  windowMs: 24 * HOUR,
};

describe('what is due after the schedulers were away', () => {
  test.each([
    { catchUp: 'none', ticks: [] },
    { catchUp: 'one', ticks: [5] },
    { catchUp: 'all', ticks: [1, 2, 3, 4, 5] },
  ] as const)('$catchUp of five missed ticks', ({ catchUp, ticks }) => {
    const due = dueTicks({ ...HOURLY, catchUp }, { schedule: 's', cursor: 0, now: 5.5 * HOUR });
    expect(due).toEqual({
      caughtUp: ticks.map((hour) => hour * HOUR),
      onTime: [],
      cursor: 5 * HOUR,
      wakeAt: 6 * HOUR,
      missed: 5 - ticks.length,
    });
  });

  test('a tick that is on time is run by every policy, and stands for all that one would run', () => {
    for (const catchUp of ['none', 'one'] as const)
      expect(
        dueTicks({ ...HOURLY, catchUp }, { schedule: 's', cursor: 0, now: 3 * HOUR + 1000 }).onTime,
      ).toEqual([3 * HOUR]);
  });

  test('what was missed before the window is not run', () => {
    const rules = { ...HOURLY, catchUp: 'all', windowMs: 2 * HOUR } as const;
    expect(dueTicks(rules, { schedule: 's', cursor: 0, now: 9.5 * HOUR }).caughtUp).toEqual([
      8 * HOUR,
      9 * HOUR,
    ]);
  });

  test('after the end there is nothing to wait for', () => {
    const due = dueTicks({ ...HOURLY, end: HOUR }, { schedule: 's', cursor: HOUR, now: 2 * HOUR });
    expect(due).toEqual({ caughtUp: [], onTime: [], cursor: HOUR, wakeAt: undefined, missed: 0 });
  });
});

test('however often one looks, with `all` each tick is run once and in order', () => {
  assert(
    property(
      array(integer({ min: 1, max: 5 * HOUR }), { maxLength: 30 }),
      integer({ min: 0, max: 3 * HOUR }),
      (pauses, jitterMs) => {
        const rules = { ...HOURLY, catchUp: 'all', jitterMs } as const;
        let [cursor, now] = [0, 0];
        const ran: number[] = [];
        for (const pause of pauses) {
          now += pause;
          const due = dueTicks(rules, { schedule: 's', cursor, now });
          ran.push(...due.caughtUp, ...due.onTime);
          cursor = due.cursor;
        }
        const fired = Array.from({ length: 200 }, (_, i) => (i + 1) * HOUR).filter(
          (tick) => tick + jitterOf(rules, 's', tick, HOUR) <= now,
        );
        expect(ran).toEqual(fired);
      },
    ),
  );
});

test('a scheduler that is there runs every tick in its time, however long the jitter and whatever the policy', () => {
  assert(
    property(
      constantFrom('*/5 * * * *', '0 * * * *', '0,1 2 * * *', '30,35 2,3 * * *'),
      integer({ min: 0, max: 26 * HOUR }),
      constantFrom('none', 'one', 'all'),
      (cron, jitterMs, catchUp) => {
        // The night in which clocks are put forward.
        const [from, to] = [Date.UTC(2027, 2, 27, 22), Date.UTC(2027, 2, 28, 10)];
        const when = { kind: 'cron', cron, timezone: 'Europe/Berlin' } as const;
        const rules: ScheduleRules = { ...HOURLY, when, jitterMs, catchUp, end: to };
        const ran: number[] = [];
        let [cursor, now] = [from, from];
        for (;;) {
          const due = dueTicks(rules, { schedule: 's', cursor, now });
          ran.push(...due.caughtUp, ...due.onTime);
          for (const tick of due.onTime) expect(now - tick).toBeLessThanOrEqual(jitterMs);
          ({ cursor } = due);
          if (due.wakeAt === undefined) break;
          now = due.wakeAt;
        }
        expect(ran).toEqual(nominalInstants(rules, from).toArray());
      },
    ),
    { numRuns: 30 },
  );
});

test('jitter is fixed for a tick, below its bound, and another for another schedule', () => {
  const rules = { ...HOURLY, jitterMs: HOUR };
  const of = (schedule: string): number[] => [1, 2, 3].map((tick) => jitterOf(rules, schedule, tick * HOUR));
  expect(of('a')).toEqual(of('a'));
  expect(of('a')).not.toEqual(of('b'));
  for (const jitter of of('a')) expect(jitter).toBeLessThan(HOUR);
});

describe('what is due of runs that ended', () => {
  const ends = [1, 2, 3].map((hour) => ({ at: hour * HOUR }));
  const at = (hours: readonly number[]): { at: number }[] => hours.map((hour) => ({ at: hour * HOUR }));

  test.each([
    { catchUp: 'none', caughtUp: [], leftOut: [1, 2, 3] },
    { catchUp: 'one', caughtUp: [3], leftOut: [1, 2] },
    { catchUp: 'all', caughtUp: [1, 2, 3], leftOut: [] },
  ] as const)('$catchUp of three that no scheduler saw in time', ({ catchUp, caughtUp, leftOut }) => {
    expect(dueEnds({ ...HOURLY, catchUp }, { schedule: 's', now: 3.5 * HOUR }, ends)).toEqual({
      caughtUp: at(caughtUp),
      onTime: [],
      leftOut: at(leftOut),
      wakeAt: undefined,
    });
  });

  test('one that is on time is run by every policy, and stands for all that `one` would run', () => {
    for (const catchUp of ['none', 'one'] as const)
      expect(dueEnds({ ...HOURLY, catchUp }, { schedule: 's', now: 3 * HOUR + 60_000 }, ends)).toMatchObject({
        caughtUp: [],
        onTime: at([3]),
        leftOut: at([1, 2]),
      });
  });

  test('what ended before the window is left out', () => {
    const rules = { ...HOURLY, catchUp: 'all', windowMs: 2 * HOUR } as const;
    expect(dueEnds(rules, { schedule: 's', now: 4.5 * HOUR }, ends)).toMatchObject({
      caughtUp: at([3]),
      leftOut: at([1, 2]),
    });
  });

  test('jitter puts each off by its own time, and says when the next is due', () => {
    const rules = { ...HOURLY, catchUp: 'all', jitterMs: HOUR } as const;
    const due = (now: number): ReturnType<typeof dueEnds> => dueEnds(rules, { schedule: 's', now }, ends);
    const fireAt = ends.map((end) => end.at + jitterOf(rules, 's', end.at)).toSorted((a, b) => a - b);
    expect(due(HOUR)).toEqual({ caughtUp: [], onTime: [], leftOut: [], wakeAt: fireAt[0] });
    expect(due(fireAt[0] ?? 0)).toMatchObject({ onTime: [{ at: HOUR }], wakeAt: fireAt[1] });
  });
});

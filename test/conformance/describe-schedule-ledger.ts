import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostRuns, type ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Database } from '../../src/db/sql.ts';
import { removeSchedule } from '../../src/ledger/remove-schedule.ts';
import {
  applySchedule,
  findSchedule,
  listSchedules,
  pauseSchedule,
  resumeSchedule,
} from '../../src/ledger/schedules.ts';
import {
  claimTick,
  closeLapsed,
  endTick,
  forceTick,
  hadFailed,
  lastSeen,
  listTicks,
  nameRun,
  offerTicks,
  renewTick,
  type Tick,
  type TickEnd,
} from '../../src/ledger/ticks.ts';
import { appliedSchedule } from './applied-schedule.ts';

/** One ledger, and several that have it open: each as another scheduler would. */
export interface OpenLedgers extends AsyncDisposable {
  readonly schedulers: readonly [Database, Database];
}

export function describeScheduleLedger(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`the ledger of schedules (${name})`, () => {
    test('a schedule that is applied again keeps its cursor, its pause and its ticks', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [200], { cursor: 200 });
      await ledger.write((sql) => pauseSchedule(sql, 'a', { at: 300, because: 'asked' }));
      const again = await ledger.write((sql) =>
        applySchedule(sql, appliedSchedule('other', { name: 'a@prod', snapshot: 's2', appliedAt: 400 })),
      );
      expect(again).toEqual({
        ...appliedSchedule('a', { snapshot: 's2', appliedAt: 400 }),
        cursor: 200,
        paused: { at: 300, because: 'asked' },
        health: 'ok',
      });
      expect(await ledger.read((sql) => listSchedules(sql, '/p'))).toEqual([again]);
      expect(await ledger.read((sql) => listSchedules(sql, '/q'))).toEqual([]);
      expect(await states(ledger, 'a')).toEqual({ '200': 'waiting' });
    });

    test('a schedule is removed with its ticks, but for one of which a scheduler has a tick', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      for (const id of ['a', 'b']) await apply(ledger, id);
      for (const id of ['a', 'b']) await offer(ledger, id, [200]);
      const tick = await claim(ledger, 'a');
      const remove = async (now: number): Promise<{ run: string | undefined } | undefined> =>
        other.write((sql) => removeSchedule(sql, 'a', now));
      expect(await remove(LEASE - 1)).toEqual({ run: undefined });
      if (tick !== undefined) await ledger.write((sql) => nameRun(sql, tick, 'r'));
      expect(await remove(LEASE - 1)).toEqual({ run: 'r' });
      expect(await states(ledger, 'a')).toEqual({ '200': 'running' });
      // Who had it has died.
      expect(await remove(LEASE)).toBeUndefined();
      expect(await states(ledger, 'a')).toEqual({});
      expect((await ledger.read((sql) => listSchedules(sql, '/p'))).map(({ id }) => id)).toEqual(['b']);
      // A scheduler that knows it still does nothing.
      expect([await offer(ledger, 'a', [300]), await claim(ledger, 'a')]).toEqual([false, undefined]);
    });

    test.each<{ what: string; changed: Partial<ScheduleSettings>; cursor: number }>([
      { what: 'nothing', changed: {}, cursor: 200 },
      { what: 'what is done about missed ticks', changed: { catchUp: 'all', windowMs: 5000 }, cursor: 200 },
      { what: 'the time between', changed: { when: { kind: 'every', everyMs: 500 } }, cursor: 400 },
      {
        what: 'the cron line',
        changed: { when: { kind: 'cron', cron: '0 * * * *', timezone: 'UTC' } },
        cursor: 400,
      },
      { what: 'where it counts from', changed: { start: 1 }, cursor: 400 },
      { what: 'when it ends', changed: { end: 9000 }, cursor: 400 },
    ])('an apply that changes $what begins with what is due after $cursor', async ({ changed, cursor }) => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [200], { cursor: 200 });
      const again = await ledger.write((sql) =>
        applySchedule(sql, appliedSchedule('a', { settings: changed, appliedAt: 400 })),
      );
      expect(again.cursor).toBe(cursor);
    });

    test('of two that apply at once, whose schedules may not both be, one is refused', async () => {
      await using ledgers = await open();
      const applied = await Promise.allSettled(
        ledgers.schedulers.map(async (ledger, index) =>
          ledger.write(async (sql) => {
            // Both have begun, and have seen none.
            await sql.get('SELECT 1');
            return applySchedule(sql, appliedSchedule(`${index}`), async ({ others }) => {
              if (others.length > 0) throw new Error(`there is ${others[0]?.name}`);
            });
          }),
        ),
      );
      expect(applied.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(await ledgers.schedulers[0].read((sql) => listSchedules(sql, '/p'))).toHaveLength(1);
    });

    test('of two that apply one schedule at once, the later one is told what the earlier one put into force', async () => {
      await using ledgers = await open();
      const told: (string | undefined)[] = [];
      const applied = await Promise.all(
        ledgers.schedulers.map(async (ledger, index) =>
          ledger.write(async (sql) => {
            // Both have begun, and have seen none.
            await sql.get('SELECT 1');
            const one = { ...appliedSchedule(`${index}`), name: 'a@prod', snapshot: `s${index}` };
            return applySchedule(sql, one, async ({ before }) => void (told[index] = before?.snapshot));
          }),
        ),
      );
      const inForce = await ledgers.schedulers[0].read((sql) => findSchedule(sql, '/p', 'a@prod'));
      const last = applied.findIndex(({ snapshot }) => snapshot === inForce?.snapshot);
      expect(told[last]).toBe(applied[1 - last]?.snapshot);
      expect(told[1 - last]).toBeUndefined();
    });

    test('a pause takes no tick of the clock, and what fell into it is not run', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await ledger.write((sql) => pauseSchedule(sql, 'a', { at: 150, because: 'asked' }));
      expect(await offer(ledger, 'a', [200])).toBe(false);
      expect(await offer(ledger, 'a', [201], { cause: 'request' })).toBe(true);
      expect(await ledger.write((sql) => resumeSchedule(sql, 'a', 900))).toBe(true);
      expect(await ledger.write((sql) => resumeSchedule(sql, 'a', 950))).toBe(false);
      const schedule = await ledger.read((sql) => findSchedule(sql, '/p', 'a@prod'));
      expect([schedule?.cursor, schedule?.paused]).toEqual([900, undefined]);
      expect(await states(ledger, 'a')).toEqual({ '201': 'waiting' });
    });

    test('a tick that waits when its schedule is paused is not begun until it goes on, but one that is asked for', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [200]);
      await ledger.write((sql) => pauseSchedule(sql, 'a', { at: 150, because: 'asked' }));
      expect(await claim(ledger, 'a')).toBeUndefined();
      await offer(ledger, 'a', [300], { cause: 'request' });
      expect(await claim(ledger, 'a', 'allow')).toMatchObject({ nominal: 300 });
      await ledger.write((sql) => resumeSchedule(sql, 'a', 900));
      expect(await claim(ledger, 'a', 'allow')).toMatchObject({ nominal: 200 });
    });

    test.each([
      { overlap: 'skip', after: { 1: 'running', 2: 'skipped', 3: 'skipped' } },
      { overlap: 'queue-one', after: { 1: 'running', 2: 'skipped', 3: 'waiting' } },
      { overlap: 'allow', after: { 1: 'running', 2: 'running', 3: 'running' } },
    ] as const)(
      '$overlap: what ticks do while the run of an earlier one goes on',
      async ({ overlap, after }) => {
        await using ledgers = await open();
        const [ledger] = ledgers.schedulers;
        await apply(ledger, 'a');
        for (const instant of [1, 2, 3]) {
          await offer(ledger, 'a', [instant], { overlap });
          await claim(ledger, 'a', overlap);
        }
        expect(await states(ledger, 'a')).toEqual(after);
      },
    );

    test('of those that may overlap so many run at once as the schedule says, whoever claims, oldest first', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [1, 2, 3, 4], { cause: 'caught-up', overlap: 'allow' });
      const take = async (from: Database): Promise<Tick | undefined> =>
        from.write((sql) => claimTick(sql, { schedule: 'a', most: 2, by: 'me', leaseUntil: LEASE }));
      const taken = await Promise.all([ledger, other, ledger, other].map(take));
      expect(new Set(taken.map((tick) => tick?.nominal))).toEqual(new Set([1, 2, undefined]));
      const first = taken.find((tick) => tick?.nominal === 1) as Tick;
      await ledger.write((sql) => endTick(sql, first, { state: 'succeeded', at: 9 }));
      expect([(await take(other))?.nominal, await take(ledger)]).toEqual([3, undefined]);
    });

    test('what is caught up waits for its turn, oldest first', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [3, 1, 2], { cause: 'caught-up' });
      const order: number[] = [];
      for (let tick = await claim(ledger, 'a'); tick !== undefined; tick = await claim(ledger, 'a')) {
        order.push(tick.nominal);
        expect(await claim(ledger, 'a')).toBeUndefined();
        await ledger.write((sql) => endTick(sql, tick, { state: 'succeeded', at: 9 }));
      }
      expect(order).toEqual([1, 2, 3]);
    });

    test('a claim that lapsed is closed if it may have begun a run, and else waits again', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [1, 2], { cause: 'caught-up' });
      const [begun, fresh] = [await claim(ledger, 'a', 'allow'), await claim(ledger, 'a', 'allow')] as [
        Tick,
        Tick,
      ];
      expect(await ledger.write((sql) => nameRun(sql, begun, 'r1'))).toBe(true);
      expect(await other.write((sql) => closeLapsed(sql, 'a', LEASE - 1))).toEqual([]);
      expect(await other.write((sql) => closeLapsed(sql, 'a', LEASE))).toEqual([{ ...begun, run: 'r1' }]);
      expect(await states(ledger, 'a')).toEqual({ '1': 'interrupted', '2': 'waiting' });
      const taken = await claim(other, 'a');
      expect(taken).toMatchObject({ nominal: 2, epoch: 2 });
      expect(await ledger.write((sql) => renewTick(sql, fresh, 999))).toBe(false);
      expect(await ledger.write((sql) => endTick(sql, fresh, { state: 'failed', at: 5 }))).toBe(false);
      expect(await states(ledger, 'a')).toEqual({ '1': 'interrupted', '2': 'running' });
    });

    test('a forced run of an instant is one more, with a number', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await offer(ledger, 'a', [5], { cause: 'backfill' });
      const forced = { schedule: 'a', nominal: 5, cause: 'backfill' } as const;
      expect(await ledger.write((sql) => forceTick(sql, forced))).toBe(1);
      expect(await ledger.write((sql) => forceTick(sql, forced))).toBe(2);
      expect((await ledger.read((sql) => listTicks(sql, 'a', 10))).map(({ number }) => number)).toEqual([
        2, 1, 0,
      ]);
    });

    test('what was seen last is that of a tick that came to its end', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      const ends = [
        { state: 'succeeded', seen: 'x' },
        { state: 'failed', seen: 'y' },
      ] as const;
      for (const [at, end] of ends.entries()) {
        await offer(ledger, 'a', [at], { cause: 'caught-up' });
        const tick = (await claim(ledger, 'a')) as Tick;
        await ledger.write((sql) => endTick(sql, tick, { ...end, at }));
      }
      expect(await ledger.read((sql) => lastSeen(sql, 'a'))).toBe('x');
    });

    test.each<{ ends: readonly TickEnd['state'][]; failed: boolean }>([
      { ends: [], failed: false },
      { ends: ['failed', 'unchanged', 'rejected'], failed: true },
      { ends: ['interrupted'], failed: true },
      { ends: ['failed', 'interrupted', 'succeeded', 'unchanged'], failed: false },
    ])('after $ends what succeeds next is well again: $failed', async ({ ends, failed }) => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      for (const [at, state] of ends.entries()) {
        await offer(ledger, 'a', [at], { cause: 'caught-up' });
        const tick = (await claim(ledger, 'a')) as Tick;
        await ledger.write((sql) => endTick(sql, tick, { state, at }));
      }
      expect(await ledger.write((sql) => hadFailed(sql, 'a'))).toBe(failed);
    });

    test('however two schedulers look and die, a tick has one run', async () => {
      await using ledgers = await open();
      let schedules = 0;
      const step = fc.record({
        who: fc.constantFrom(0, 1),
        what: fc.constantFrom('offer', 'claim', 'both-claim', 'end', 'die'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          schedules += 1;
          const id = `s${schedules}`;
          const [first] = ledgers.schedulers;
          await apply(first, id);
          const runs: number[] = [];
          const held: Tick[] = [];
          let now = 0;
          const take = async (ledger: Database): Promise<void> => {
            const tick = await claim(ledger, id, 'queue-one', now + 10);
            if (tick === undefined) return;
            held.push(tick);
            if (await ledger.write((sql) => nameRun(sql, tick, `r${now}`))) runs.push(tick.nominal);
          };
          for (const { who, what } of steps) {
            now += 1;
            const ledger = ledgers.schedulers[who];
            const instants = [now, now - 1, now - 2];
            if (what === 'offer')
              await Promise.all(
                ledgers.schedulers.map((one) => offer(one, id, instants, { overlap: 'queue-one' })),
              );
            else if (what === 'claim') await take(ledger);
            else if (what === 'both-claim') await Promise.all(ledgers.schedulers.map(take));
            else if (what === 'end') {
              const tick = held.shift();
              if (tick !== undefined)
                await ledger.write((sql) => endTick(sql, tick, { state: 'succeeded', at: now }));
            } else {
              now += 20;
              await ledger.write((sql) => closeLapsed(sql, id, now));
            }
          }
          expect(runs).toEqual([...new Set(runs)]);
        }),
        { numRuns: 25 },
      );
    });
  });
}

const LEASE = 100;
async function apply(ledger: Database, id: string): Promise<void> {
  await ledger.write((sql) => applySchedule(sql, appliedSchedule(id, { appliedAt: 100 })));
}

async function offer(
  ledger: Database,
  schedule: string,
  instants: readonly number[],
  {
    cause = 'clock',
    overlap = 'skip',
    cursor,
  }: { cause?: Tick['cause']; overlap?: ScheduleSettings['overlap']; cursor?: number } = {},
): Promise<boolean> {
  return ledger.write((sql) => offerTicks(sql, { schedule, cause, instants, cursor, overlap }));
}

async function claim(
  ledger: Database,
  schedule: string,
  overlap: ScheduleSettings['overlap'] = 'skip',
  leaseUntil = LEASE,
): Promise<Tick | undefined> {
  return ledger.write((sql) =>
    claimTick(sql, { schedule, most: mostRuns({ overlap }), by: 'me', leaseUntil }),
  );
}

async function states(ledger: Database, schedule: string): Promise<Record<string, string>> {
  const ticks = await ledger.read((sql) => listTicks(sql, schedule, 100));
  return Object.fromEntries(ticks.map(({ nominal, state }) => [nominal, state]));
}

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostRuns, type Rhythm } from '../../src/core/schedule-rules.ts';
import type { Database } from '../../src/db/sql.ts';
import { addEndTicks, type EndOffer, endsWithoutTick, type FollowedEnd } from '../../src/ledger/end-ticks.ts';
import { applySchedule, type Schedule } from '../../src/ledger/schedules.ts';
import { claimTick, holdSchedule, listTicks, offerTicks } from '../../src/ledger/ticks.ts';
import { appliedSchedule } from './applied-schedule.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

/** What the ledger promises of schedules that follow another recipe. */
export function describeEndTicks(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`ticks that follow runs (${name})`, () => {
    test('a run has one tick, whichever scheduler writes it down and however often', async () => {
      await using ledgers = await open();
      const [one, two] = ledgers.schedulers;
      await apply(one, 'a');
      await Promise.all([one, two, one].map(async (ledger) => follow(ledger, 'a', [end('r1', 1)])));
      await follow(two, 'a', [end('r1', 1), end('r2', 2)]);
      expect(await followed(one, 'a')).toEqual(['r1 1#0 waiting', 'r2 2#0 waiting']);
    });

    test('a run has one tick, by whatever clock others read when it ended', async () => {
      await using ledgers = await open();
      const [one, two] = ledgers.schedulers;
      await apply(one, 'a');
      const many = Array.from({ length: 120 }, (_, index) => end(`r${index}`, 1000 + index));
      await follow(one, 'a', many);
      await follow(two, 'a', [...many.map(({ run, at }) => end(run, at + 500)), end('new', 1)]);
      const ticks = await one.read((sql) => listTicks(sql, 'a', 1000));
      expect([ticks.length, ticks.at(-1)?.after]).toEqual([121, 'new']);
    });

    test('two runs that ended at once have one tick each, and so has the clock', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      const request = {
        schedule: 'a',
        cause: 'request',
        instants: [5],
        cursor: undefined,
        overlap: 'skip',
      } as const;
      await ledger.write((sql) => offerTicks(sql, request));
      await follow(ledger, 'a', [end('r2', 5), end('r1', 5)]);
      expect(await followed(ledger, 'a')).toEqual([
        'undefined 5#0 waiting',
        'r1 5#1 waiting',
        'r2 5#2 waiting',
      ]);
    });

    test.each([
      { overlap: 'skip', states: ['running', 'skipped', 'skipped'] },
      { overlap: 'queue-one', states: ['running', 'skipped', 'waiting'] },
      { overlap: 'allow', states: ['running', 'running', 'running'] },
    ] as const)('$overlap: what they do while an earlier one goes on', async ({ overlap, states }) => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      for (const at of [1, 2, 3]) {
        await follow(ledger, 'a', [end(`r${at}`, at)], { overlap });
        await ledger.write((sql) =>
          claimTick(sql, { schedule: 'a', most: mostRuns({ overlap }), by: 'me', leaseUntil: 9 }),
        );
      }
      const found = await followed(ledger, 'a');
      expect(found.map((line) => line.split(' ')[2])).toEqual(states);
    });

    test('what is left out has a tick that is skipped and says why, and gets no other', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      await follow(ledger, 'a', [end('r1', 1)], { leftOut: 'too late' });
      await follow(ledger, 'a', [end('r1', 1)]);
      const [tick] = await ledger.read((sql) => listTicks(sql, 'a', 10));
      expect([tick?.state, tick?.note, tick?.after]).toEqual(['skipped', 'too late', 'r1']);
    });

    test('of changes only, an end counts if its value is not that of the end before it that counted', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await apply(ledger, 'a');
      const values = ['x', 'x', 'y', 'y', 'x'];
      const ends = values.map((value, at) => end(`r${at}`, at, value));
      // Read one by one, then all over again: what did not count before does not now.
      for (const one of ends) await follow(ledger, 'a', [one], { onlyChanges: true });
      await follow(ledger, 'a', ends, { onlyChanges: true });
      expect(await followed(ledger, 'a')).toEqual(['r0 0#0 waiting', 'r2 2#0 waiting', 'r4 4#0 waiting']);
    });

    test('a schedule that comes to follow something else has nothing to catch up with', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      const when = { kind: 'after', recipe: 'x' } as const;
      expect((await apply(ledger, 'a', when, 100)).cursor).toBe(100);
      expect((await apply(ledger, 'a', when, 200)).cursor).toBe(100);
      expect((await apply(ledger, 'a', { kind: 'after', recipe: 'y' }, 300)).cursor).toBe(300);
      expect((await apply(ledger, 'a', { kind: 'every', everyMs: 1000 }, 400)).cursor).toBe(400);
      expect((await apply(ledger, 'a', { kind: 'every', everyMs: 1000 }, 500)).cursor).toBe(400);
    });

    test('however two schedulers look at runs, each run has one tick', async () => {
      await using ledgers = await open();
      let schedules = 0;
      const look = fc.record({ who: fc.constantFrom(0, 1), runs: fc.array(fc.nat(9), { maxLength: 6 }) });
      await fc.assert(
        fc.asyncProperty(fc.array(look, { maxLength: 12 }), async (looks) => {
          schedules += 1;
          const id = `s${schedules}`;
          await apply(ledgers.schedulers[0], id);
          await Promise.all(
            looks.map(({ who, runs }) =>
              follow(
                ledgers.schedulers[who],
                id,
                runs.map((run) => end(`r${run}`, Math.floor(run / 2))),
              ),
            ),
          );
          const seen = [...new Set(looks.flatMap(({ runs }) => runs))].toSorted((a, b) => a - b);
          const ticks = await ledgers.schedulers[0].read((sql) => listTicks(sql, id, 100));
          expect(ticks.map(({ after }) => String(after)).toSorted()).toEqual(seen.map((run) => `r${run}`));
        }),
        { numRuns: 25 },
      );
    });
  });
}

function end(run: string, at: number, value?: string): FollowedEnd {
  return { run, at, value };
}

async function apply(
  ledger: Database,
  id: string,
  when: Rhythm = { kind: 'after', recipe: 'other' },
  appliedAt = 0,
): Promise<Schedule> {
  return ledger.write((sql) => applySchedule(sql, appliedSchedule(id, { settings: { when }, appliedAt })));
}

async function follow(
  ledger: Database,
  schedule: string,
  ends: readonly FollowedEnd[],
  { onlyChanges = false, ...more }: Partial<EndOffer> & { readonly onlyChanges?: boolean } = {},
): Promise<void> {
  await ledger.write(async (sql) => {
    await holdSchedule(sql, schedule);
    const found = await endsWithoutTick(sql, schedule, ends.filter(isFirst), { onlyChanges });
    await addEndTicks(sql, found, { schedule, cause: 'after', overlap: 'allow', ...more });
  });
}

function isFirst({ run }: FollowedEnd, at: number, all: readonly FollowedEnd[]): boolean {
  return all.findIndex((one) => one.run === run) === at;
}

/** Oldest first. */
async function followed(ledger: Database, schedule: string): Promise<string[]> {
  const ticks = await ledger.read((sql) => listTicks(sql, schedule, 100));
  return ticks
    .toReversed()
    .map(({ after, nominal, number, state }) => `${after} ${nominal}#${number} ${state}`);
}

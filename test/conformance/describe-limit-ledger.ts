import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StepId } from '../../src/core/ids.ts';
import type { Database } from '../../src/db/sql.ts';
import type { LimitInTheWay, LimitLease } from '../../src/engine/limits-port.ts';
import { limitInTheWay, renewLimits, returnLimits, takeLimits } from '../../src/ledger/limit-leases.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

const LEASE_MS = 10;

export function describeLimitLedger(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`the ledger of named limits (${name})`, () => {
    test('no more flights have a limit than may, and whoever is refused hears who has it', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      expect(await take(ledger, lease('r2', 'a', { w: 2 }), 0)).toBeUndefined();
      expect(await take(other, lease('r1', 'b', { w: 2 }), 0)).toBeUndefined();
      expect(await take(other, lease('r3', 'c', { w: 2 }), 0)).toEqual({ name: 'w', runs: ['r1', 'r2'] });
      await giveBack(other, lease('r2', 'a', { w: 2 }));
      expect(await take(other, lease('r3', 'c', { w: 2 }), 0)).toBeUndefined();
    });

    test('runs that share a flight share its lease, until the last of them has given it back', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      expect(await take(ledger, lease('r1', 'f', { w: 1 }), 0)).toBeUndefined();
      expect(await take(other, lease('r2', 'f', { w: 1 }), 0)).toBeUndefined();
      await giveBack(ledger, lease('r1', 'f', { w: 1 }));
      expect(await take(ledger, lease('r3', 'g', { w: 1 }), 0)).toEqual({ name: 'w', runs: ['r2'] });
      await giveBack(ledger, lease('r2', 'f', { w: 1 }));
      expect(await take(ledger, lease('r3', 'g', { w: 1 }), 0)).toBeUndefined();
    });

    test('who needs several limits takes all or none', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await take(ledger, lease('r1', 'a', { z: 1 }), 0);
      expect(await take(ledger, lease('r2', 'b', { w: 1, z: 1 }), 0)).toEqual({ name: 'z', runs: ['r1'] });
      expect(await take(ledger, lease('r3', 'c', { w: 1 }), 0)).toBeUndefined();
    });

    test('a lease that is not renewed lapses; one that is renewed does not', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      const held = lease('r1', 'a', { w: 1 });
      const wanted = lease('r2', 'b', { w: 1 });
      await take(ledger, held, 0);
      await ledger.write((sql) => renewLimits(sql, [{ lease: held, until: 15 }]));
      expect(await take(other, wanted, LEASE_MS)).toEqual({ name: 'w', runs: ['r1'] });
      expect(await other.read((sql) => limitInTheWay(sql, wanted, 14))).toEqual({ name: 'w', runs: ['r1'] });
      expect(await other.read((sql) => limitInTheWay(sql, wanted, 15))).toBeUndefined();
      expect(await take(other, wanted, 15)).toBeUndefined();
    });

    test('what runs counts though its lease lapsed meanwhile and another has the limit', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      const late = lease('r1', 'a', { w: 1 });
      await take(ledger, late, 0);
      await take(ledger, lease('r2', 'b', { w: 1 }), LEASE_MS);
      await ledger.write((sql) => renewLimits(sql, [{ lease: late, until: 30 }]));
      expect(await take(ledger, lease('r3', 'c', { w: 1 }), 12)).toEqual({ name: 'w', runs: ['r1', 'r2'] });
    });

    test('however many take at once, there are never more than may be', async () => {
      await using ledgers = await open();
      const names = fc.subarray(['w', 'x', 'y'], { minLength: 1 });
      const most = fc.record({
        w: fc.integer({ min: 1, max: 3 }),
        x: fc.integer({ min: 1, max: 3 }),
        y: fc.constant(1),
      });
      let number = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(names, { minLength: 2, maxLength: 12 }), most, async (takers, limits) => {
          number += 1;
          for (const had of await crowd(ledgers, takers, limits, `p${number}`)) {
            expect(had.all).toBeGreaterThan(0);
            for (const name of ['w', 'x', 'y'] as const) expect(had[name]).toBeLessThanOrEqual(limits[name]);
          }
        }),
        { numRuns: 15 },
      );
    });
  });
}

/**
 * All take at once and give back once all have their answer, again and again until each has had its limits or nobody
 * gets any. Gives how many had them each time, in all and by limit.
 */
async function crowd(
  { schedulers }: OpenLedgers,
  takers: readonly (readonly string[])[],
  most: Readonly<Record<string, number>>,
  run: string,
): Promise<readonly Record<'all' | 'w' | 'x' | 'y', number>[]> {
  const rounds: Record<'all' | 'w' | 'x' | 'y', number>[] = [];
  let waiting = takers.map((names, i) =>
    lease(`${run}-${i}`, `${run}-f${i}`, Object.fromEntries(names.map((name) => [name, most[name] ?? 0]))),
  );
  while (waiting.length > 0) {
    const answers = await Promise.all(
      waiting.map(async (one, i) => ({ one, inTheWay: await take(schedulers[i % 2 === 0 ? 0 : 1], one, 0) })),
    );
    const had = answers.filter(({ inTheWay }) => inTheWay === undefined).map(({ one }) => one);
    const of = (name: string): number =>
      had.filter(({ limits }) => limits.some((one) => one.name === name)).length;
    rounds.push({ all: had.length, w: of('w'), x: of('x'), y: of('y') });
    if (had.length === 0) break;
    for (const one of had) await giveBack(schedulers[0], one);
    waiting = waiting.filter((one) => !had.includes(one));
  }
  return rounds;
}

function lease(run: string, flight: string, limits: Readonly<Record<string, number>>): LimitLease {
  return {
    flight,
    run,
    step: 's' as StepId,
    limits: Object.entries(limits).map(([name, most]) => ({ name, most })),
    outlivesDriver: false,
  };
}

async function take(ledger: Database, one: LimitLease, now: number): Promise<LimitInTheWay | undefined> {
  return ledger.write((sql) => takeLimits(sql, one, { now, until: now + LEASE_MS }));
}

async function giveBack(ledger: Database, one: LimitLease): Promise<void> {
  await ledger.write((sql) => returnLimits(sql, one));
}

import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import {
  addNotification,
  claimNotification,
  isNotificationDue,
  listNotifications,
  settleNotification,
} from '../../src/ledger/notifications.ts';
import { applySchedule } from '../../src/ledger/schedules.ts';
import { appliedSchedule } from './applied-schedule.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

const TICK = { schedule: 'a', nominal: 50, number: 0 };
const CLAIM = { projectDir: '/p', now: 100, leaseMs: 10 };

export function describeNotificationLedger(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`the ledger of notifications (${name})`, () => {
    test('of many schedulers that look at once, one gets each', async () => {
      await using ledgers = await open();
      await add(ledgers.schedulers[0], ['x', 'y', 'z']);
      const all = Array.from({ length: 8 }, (_, index) => ledgers.schedulers[index % 2 === 0 ? 0 : 1]);
      const taken = await Promise.all(
        all.map(async (ledger) => ledger.write((sql) => claimNotification(sql, CLAIM))),
      );
      const ids = taken.flatMap((one) => (one === undefined ? [] : [one.id]));
      expect(new Set(ids).size).toBe(ids.length);
      // Who found another busy with one may have taken none: what is left is there for the next look.
      const [ledger] = ledgers.schedulers;
      for (let next = await claim(ledger); next !== undefined; next = await claim(ledger)) ids.push(next.id);
      expect(ids.toSorted()).toEqual(['x', 'y', 'z']);
    });

    test('what was claimed and not settled is due again after its lease, and its first holder says nothing more', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await add(ledger, ['x']);
      const first = await claim(ledger);
      expect([first?.attempts, await claim(other, 109)]).toEqual([1, undefined]);
      expect((await claim(other, 110))?.attempts).toBe(2);
      if (first !== undefined) await ledger.write((sql) => settleNotification(sql, first, { kind: 'sent' }));
      expect(await ledger.read((sql) => listNotifications(sql, 'a', 0))).toMatchObject([
        { state: 'waiting', attempts: 2 },
      ]);
    });

    test('what was sent or given up is due no more; what is to be sent again when it is said', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await add(ledger, ['x', 'y', 'z']);
      const ends = [
        { kind: 'sent' },
        { kind: 'given-up', problem: 'No.' },
        { kind: 'again', due: 300, problem: 'Later.' },
      ] as const;
      for (const end of ends) {
        const taken = await claim(ledger);
        if (taken === undefined) throw new Error('nothing is due');
        await ledger.write((sql) => settleNotification(sql, taken, end));
      }
      const isDue = async (now: number): Promise<boolean> =>
        ledger.read((sql) => isNotificationDue(sql, '/p', now));
      expect([await isDue(299), await isDue(300)]).toEqual([false, true]);
      expect(await ledger.read((sql) => listNotifications(sql, 'a', 50))).toMatchObject([
        { id: 'x', state: 'sent', problem: undefined },
        { id: 'y', state: 'given-up', problem: 'No.' },
        { id: 'z', state: 'waiting', problem: 'Later.' },
      ]);
      expect(await ledger.read((sql) => listNotifications(sql, 'a', 51))).toEqual([]);
    });

    test('of another folder are left to its schedulers', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await add(ledger, ['x']);
      expect(
        await ledger.write((sql) => claimNotification(sql, { ...CLAIM, projectDir: '/other' })),
      ).toBeUndefined();
    });
  });
}

async function claim(ledger: Database, now = CLAIM.now): ReturnType<typeof claimNotification> {
  return ledger.write((sql) => claimNotification(sql, { ...CLAIM, now }));
}

async function add(ledger: Database, ids: readonly string[]): Promise<void> {
  await ledger.write(async (sql) => {
    await applySchedule(sql, appliedSchedule('a'));
    for (const id of ids)
      await addNotification(sql, TICK, { id, event: 'failed', message: '{}', channels: ['webhook'], at: 60 });
  });
}

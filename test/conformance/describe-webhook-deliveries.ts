import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import {
  type ClaimedDelivery,
  countDeliveries,
  isAnyDue,
  retryDeliveries,
  settleDelivery,
} from '../../src/tracking/webhooks/deliveries.ts';
import { newModel, type OpenStore } from './mlflow-store.ts';
import { CREATED, claim, deliveries, newHook } from './webhook-store.ts';

export function describeWebhookDeliveries(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: a delivery`, () => {
    /** A hook that is to be told of so many models. */
    const hooked = async (database: Database, models: number, id = 'h'): Promise<void> => {
      await newHook(database, id);
      for (let n = 0; n < models; n += 1) await newModel(database, `${id}${n}`, { at: 10 + n });
    };

    test('is one server’s at a time, the one that waits longest first', async () => {
      await using store = await open();
      const { database } = store;
      await hooked(database, 2);
      const both = await Promise.all([claim(database), claim(database), claim(database)]);
      const names = both.map((one) =>
        one === undefined ? 'none' : (JSON.parse(one.payload) as { data: { name: string } }).data.name,
      );
      expect(new Set(names)).toEqual(new Set(['h0', 'h1', 'none']));
      expect(both.find((one) => one !== undefined)).toMatchObject({
        attempts: 1,
        event: CREATED,
        webhook: { id: 'h', name: 'hook', url: 'https://example.com/hook', secret: 'of the hook' },
      });
    });

    test('of a server that died is due again when its lease ends', async () => {
      await using store = await open();
      const { database } = store;
      await hooked(database, 1);
      const first = await claim(database, { now: 100 });
      expect(await claim(database, { now: 149 })).toBeUndefined();
      const second = await claim(database, { now: 150 });
      expect(second).toEqual({ ...first, attempts: 2 });
      if (first === undefined || second === undefined) throw new Error('not claimed');
      // The dead one was only slow: what it says does not count any more.
      const late = { kind: 'given-up', problem: 'late' } as const;
      await database.write((sql) => settleDelivery(sql, first, late, 151));
      expect(await deliveries(database)).toMatchObject([{ state: 'waiting', attempts: 2 }]);
      await database.write((sql) => settleDelivery(sql, second, { kind: 'delivered' }, 160));
      expect(await deliveries(database)).toEqual([]);
    });

    test('that failed is due when it is said to be, with the reason', async () => {
      await using store = await open();
      const { database } = store;
      await hooked(database, 1);
      const claimed = (await claim(database)) as ClaimedDelivery;
      const again = { kind: 'again', due: 500, problem: 'was answered 503' } as const;
      await database.write((sql) => settleDelivery(sql, claimed, again, 110));
      expect(await database.read((sql) => isAnyDue(sql, 499))).toBe(false);
      expect(await database.read((sql) => isAnyDue(sql, 500))).toBe(true);
      expect(await deliveries(database)).toEqual([
        {
          id: claimed.id,
          event: CREATED,
          state: 'waiting',
          createdAt: 10,
          due: 500,
          attempts: 1,
          problem: 'was answered 503',
        },
      ]);
    });

    test('that is given up stays to be seen for 30 days, and is tried anew when asked to', async () => {
      await using store = await open();
      const { database } = store;
      await hooked(database, 2);
      const giveUp = async (now: number): Promise<void> => {
        const claimed = (await claim(database)) as ClaimedDelivery;
        const gone = { kind: 'given-up', problem: 'was answered 404' } as const;
        await database.write((sql) => settleDelivery(sql, claimed, gone, now));
      };
      await giveUp(100);
      expect(await database.read(countDeliveries)).toEqual({ waiting: 1, 'given-up': 1 });
      expect(await database.write((sql) => retryDeliveries(sql, 'h', 100))).toBe(1);
      expect(await database.read(countDeliveries)).toEqual({ waiting: 2, 'given-up': 0 });
      await giveUp(100);
      await giveUp(10 + 30 * 86_400_000 + 1);
      expect(await database.read(countDeliveries)).toEqual({ waiting: 0, 'given-up': 1 });
    });

    test('is not made to one that is busy, or was put to sleep', async () => {
      await using store = await open();
      const { database } = store;
      await hooked(database, 1, 'a');
      await hooked(database, 1, 'b');
      await database.write((sql) =>
        sql.run(`UPDATE webhooks SET status = 'DISABLED' WHERE webhook_id = 'a'`),
      );
      expect(await claim(database, { busy: ['b'] })).toBeUndefined();
      expect((await claim(database))?.webhook.id).toBe('b');
      expect(await claim(database)).toBeUndefined();
    });
  });
}

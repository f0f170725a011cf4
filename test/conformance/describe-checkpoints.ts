import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { OF_ALL } from '../../src/store/remote/flight-path.ts';
import { RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { FP } from '../rigs/cache-machine.ts';
import { damageFile } from '../rigs/damage.ts';
import { Trainee } from '../rigs/trainee.ts';
import type { RemoteUnderTest } from './describe-remote.ts';

const FLIGHT = { fingerprint: FP, nonce: OF_ALL };

/** What checkpoints of a fleet do in any remote. */
export function describeCheckpoints(name: string, make: () => Promise<RemoteUnderTest>): void {
  describe(`${name}: a checkpoint`, () => {
    test('is gone on from elsewhere where it was saved last, until the task has ended', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const first = await here.begin();
      expect(here.done).toBeUndefined();
      here.done = '1';
      await first.save();
      here.done = '2';
      await first.save();
      here.done = '3';
      using there = new Trainee(under.open());
      const second = await there.begin();
      expect(there.done).toBe('2');
      there.done = '4';
      await second.save();
      await here.begin();
      expect(here.done).toBe('4');
      await second.forget();
      using third = new Trainee(under.open());
      for (const one of [here, there, third]) {
        await one.begin();
        expect(one.done).toBeUndefined();
      }
    });

    test('that this machine has made since it was saved is not replaced by that', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      here.done = '1';
      await saved.save();
      here.done = '2';
      const again = await here.begin();
      expect(here.done).toBe('2');
      using there = new Trainee(under.open());
      await there.begin();
      expect(there.done).toBe('1');
      // That attempt began later.
      await again.save();
      await here.begin();
      expect(here.done).toBe('1');
    });

    test('counts less than what a worker saves that began later, whenever it is saved', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const forgotten = await here.begin();
      here.done = '1';
      await forgotten.save();
      using there = new Trainee(under.open());
      const successor = await there.begin();
      there.done = '2';
      await successor.save();
      here.done = '1 and a half';
      await forgotten.save();
      await forgotten.save();
      using third = new Trainee(under.open());
      const last = await third.begin();
      expect(third.done).toBe('2');
      await last.forget();
      here.done = '1 and three quarters';
      await forgotten.save();
      await third.begin();
      expect(third.done).toBeUndefined();
    });

    test('is not gone on from once there is a result that it does not know, though nobody could say that it is over', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const old = await here.machine.result({ x: 'old' });
      await here.cache.publish(old, { replace: false });
      const saved = await here.begin();
      here.done = '1';
      await saved.save();
      using there = new Trainee(under.open());
      await there.begin();
      expect(there.done).toBe('1');
      await here.cache.publish(await here.machine.result({ x: 'new' }), { replace: true });
      for (const one of [there, here]) {
        await one.begin();
        expect(one.done).toBeUndefined();
      }
    });

    test('counts no more for an attempt that begins anew, or later', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      here.done = '1';
      await saved.save();
      using there = new Trainee(under.open());
      await there.begin({ fresh: true });
      await here.begin();
      expect([here.done, there.done]).toEqual([undefined, undefined]);
    });

    test('that has lost a file gives way to the newest that is whole, and to nothing if none is', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      for (const done of ['one', 'two', 'three']) {
        here.done = done;
        await saved.save();
      }
      await under.damage(digestOf('three'), 'remove');
      using there = new Trainee(under.open());
      await there.begin();
      expect(there.done).toBe('two');
      const { name: where } = under.open();
      expect(there.warnings).toEqual([
        `the newest checkpoint is not whole in ${where}: the step goes on from an older one`,
      ]);
      for (const lost of ['one', 'two']) await under.damage(digestOf(lost), 'flip');
      using third = new Trainee(under.open());
      await third.begin();
      expect(third.done).toBeUndefined();
      expect(third.warnings).toEqual([
        `the newest checkpoint is not whole in ${where}: the step begins anew`,
      ]);
    });

    test('of which this machine has a decayed copy comes anew', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      here.done = '1';
      await saved.save();
      damageFile(here.machine.store.blobs.path(digestOf('1')), 'flip');
      here.lose();
      await here.begin();
      expect([here.done, here.warnings]).toEqual(['1', []]);
    });

    test('is saved as often as a step lasts, and leaves few records', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      for (let nth = 1; nth <= 1100; nth += 1) {
        // Of few contents: what is counted are the records.
        here.done = `${nth % 7}`;
        await saved.save();
      }
      expect((await under.open().readRecords(FLIGHT)).size).toBeLessThanOrEqual(6);
      using there = new Trainee(under.open());
      const second = await there.begin();
      expect(there.done).toBe(`${1100 % 7}`);
      await second.forget();
      expect((await under.open().readRecords(FLIGHT)).size).toBe(1);
    });

    test('is not begun anew because the store is away, and a task that is done is done without it', async () => {
      await using under = await make();
      using here = new Trainee(under.open());
      const saved = await here.begin();
      here.done = '1';
      await saved.save();
      using there = new Trainee(under.open());
      await under.goAway();
      await expect(there.begin()).rejects.toThrow(RemoteUnreachable);
      await expect(here.begin()).rejects.toThrow(RemoteUnreachable);
      expect(here.done).toBe('1');
      await saved.forget();
    });
  });
}

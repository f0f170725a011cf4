import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import { collectGarbage } from '../../src/store/gc.ts';
import { digestOf } from '../../src/store/hash.ts';
import { type Remote, RemoteRefused } from '../../src/store/remote/remote.ts';
import { Store } from '../../src/store/store.ts';
import { listBlobs } from '../../src/store/walk-cache.ts';
import { CacheMachine, NOW } from '../rigs/cache-machine.ts';
import { boundRemote } from './bound-remote.ts';
import type { RemoteUnderTest } from './describe-remote.ts';

const BYTES = Buffer.alloc(1_000_000, 'stockpot ');
const DIGEST = digestOf(BYTES);
const PROCESS = 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
const DAY_MS = 86_400_000;

/** What any remote gives to several who want one blob, and to who has some of it. */
export function describeFetches(name: string, make: () => Promise<RemoteUnderTest>): void {
  describe(`${name}: a blob that is fetched`, () => {
    test.each([
      ['nobody holds', `${DIGEST}.part`],
      ['a process left that died', `${DIGEST}.${PROCESS}.part`],
    ])('begins after what %s of it', async (_, left) => {
      await using under = await holding(make);
      using here = new CacheMachine();
      leave(here.store, left, BYTES.subarray(0, 700_000));
      const asked = new Asked(under.open());
      let came = 0;
      expect(await here.store.receive(asked.remote, DIGEST, (count) => (came += count))).toBe('received');
      expect({ asked: asked.from, came }).toEqual({ asked: [700_000], came: 300_000 });
      expect(here.store.blobs.read(DIGEST).equals(BYTES)).toBe(true);
      expect(partsIn(here.store)).toEqual([]);
    });

    test.each([
      ['is wrong', Buffer.alloc(400_000, 'x')],
      ['is more than all', Buffer.alloc(1_500_000, 'x')],
    ])('comes whole, once, where what was left of it %s', async (_, wrong) => {
      await using under = await holding(make);
      using here = new CacheMachine();
      leave(here.store, `${DIGEST}.part`, wrong);
      const asked = new Asked(under.open());
      expect(await here.store.receive(asked.remote, DIGEST, () => {})).toBe('received');
      expect(asked.from).toEqual([wrong.length, 0]);
      expect(here.store.blobs.read(DIGEST).equals(BYTES)).toBe(true);
    });

    test('that is damaged there too is given up, and nothing is kept of it', async () => {
      await using under = await holding(make);
      await under.damage(DIGEST, 'flip');
      using here = new CacheMachine();
      leave(here.store, `${DIGEST}.part`, Buffer.alloc(400_000, 'x'));
      const asked = new Asked(under.open());
      expect(await here.store.receive(asked.remote, DIGEST, () => {})).toBe('corrupt');
      expect(asked.from).toEqual([400_000, 0]);
      expect(partsIn(here.store)).toEqual([]);
      expect(listBlobs(here.store.layout)).toEqual([]);
    });

    test('comes once to all of one process that want it', async () => {
      await using under = await holding(make);
      using here = new CacheMachine();
      const asked = new Asked(under.open());
      const all = Array.from({ length: 5 }, () => here.store.receive(asked.remote, DIGEST, () => {}));
      expect(new Set(await Promise.all(all))).toEqual(new Set(['received']));
      expect(asked.from).toEqual([0]);
    });

    test('goes on with another of one process where who fetched it was told to end', async () => {
      await using under = await holding(make);
      using here = new CacheMachine();
      const asked = new Asked(under.open());
      let came = 0;
      const first = here.store.receive(asked.remote, DIGEST, (count) => {
        came += count;
        throw new Error('cancelled');
      });
      const second = here.store.receive(asked.remote, DIGEST, () => {});
      await expect(first).rejects.toThrow('cancelled');
      expect(await second).toBe('received');
      expect(asked.from).toEqual([0, came]);
    });

    test('fails for all of one process that want it where the remote refuses', async () => {
      await using under = await holding(make);
      using here = new CacheMachine();
      let asked = 0;
      const refusing: Remote = {
        ...boundRemote(under.open()),
        get: async () => {
          asked += 1;
          throw new RemoteRefused('no');
        },
      };
      const all = [1, 2, 3].map(async () => here.store.receive(refusing, DIGEST, () => {}));
      expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
      expect(asked).toBe(1);
    });

    test('is fetched by two processes on one cache each for itself, while both live', async () => {
      await using under = await holding(make);
      using here = new CacheMachine();
      using sibling = Store.open({ home: here.home, now: () => NOW });
      const asked = new Asked(under.open());
      let ofSibling: Promise<string> | undefined;
      const received = await here.store.receive(asked.remote, DIGEST, () => {
        ofSibling ??= sibling.receive(asked.remote, DIGEST, () => {});
      });
      expect([received, await ofSibling]).toEqual(['received', 'received']);
      expect(asked.from).toEqual([0, 0]);
      expect(sibling.blobs.read(DIGEST).equals(BYTES)).toBe(true);
    });

    test('that nobody goes on with is garbage after a day, unless the process lives', async () => {
      await using under = await holding(make);
      using here = new CacheMachine();
      leave(here.store, `${DIGEST}.part`, BYTES.subarray(0, 10));
      leave(here.store, `${DIGEST}.${PROCESS}.part`, BYTES.subarray(0, 10));
      leave(here.store, `${PROCESS}.lock`, Buffer.of());
      const collect = (now: number): void =>
        void collectGarbage(here.store, { maxBytes: Infinity, now, dryRun: false, kept: new Set() });
      collect(Date.now());
      expect(leftIn(here.store).length).toBe(3);
      const other = digestOf('other');
      await under.open().put(other, here.file(Buffer.from('other')), { replace: false });
      expect(await here.store.receive(under.open(), other, () => {})).toBe('received');
      collect(Date.now() + 2 * DAY_MS);
      const left = leftIn(here.store);
      expect(left).toEqual([expect.stringMatching(/^[0-9a-f-]{36}\.lock$/)]);
      expect(left).not.toContain(`${PROCESS}.lock`);
    });
  });
}

/** A remote that has the blob. */
async function holding(make: () => Promise<RemoteUnderTest>): Promise<RemoteUnderTest> {
  const under = await make();
  using machine = new CacheMachine();
  await under.open().put(DIGEST, machine.file(BYTES), { replace: false });
  return under;
}

function leave({ layout }: Store, name: string, bytes: Uint8Array): void {
  mkdirSync(layout.tmp, { recursive: true });
  writeFileSync(join(layout.tmp, name), bytes);
}

function leftIn({ layout }: Store): string[] {
  return readdirSync(layout.tmp);
}

/** All but the lock of the process. */
function partsIn(store: Store): string[] {
  return leftIn(store).filter((name) => !name.endsWith('.lock'));
}

/** A remote, and from which byte on each blob was asked of it. */
class Asked {
  readonly from: number[] = [];
  readonly remote: Remote;

  constructor(remote: Remote) {
    this.remote = {
      ...boundRemote(remote),
      get: (digest: Digest, from: number) => {
        this.from.push(from);
        return remote.get(digest, from);
      },
    };
  }
}

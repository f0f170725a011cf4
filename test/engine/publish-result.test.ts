import { mkdirSync, mkdtempDisposableSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { publishResult, type Shelves } from '../../src/engine/publish-result.ts';
import { digestOf } from '../../src/store/hash.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import type { Result } from '../../src/store/results.ts';
import { Store } from '../../src/store/store.ts';

const FP = fingerprint(digestOf('{"a":1}'));
const RESULT: Result = {
  v: 1,
  fingerprint: FP,
  outputs: {},
  producer: { run: 'r', step: 's', at: 1, durationMs: 1, stockpot: '0' },
};
const TASK = { step: { cache: 'auto' }, replace: false } as unknown as Parameters<typeof publishResult>[1];

describe('a result is on a disk before anybody is told of it', () => {
  let dir: ReturnType<typeof mkdtempDisposableSync>;
  let store: Store;
  let shared: RemoteCache;
  /** What was brought to this machine's disk. */
  let synced: string[];
  beforeEach(() => {
    dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
    mkdirSync(join(dir.path, 'shared'));
    store = Store.open({ home: join(dir.path, 'home'), now: () => Date.now() });
    shared = sharedBy({ readOnly: false });
    synced = [];
  });
  afterEach(() => {
    store[Symbol.dispose]();
    dir.remove();
  });

  function sharedBy({ readOnly }: { readonly readOnly: boolean }): RemoteCache {
    return new RemoteCache(new FolderRemote(join(dir.path, 'shared'), () => Date.now()), store, {
      accepted: 'any',
      signer: undefined,
      readOnly,
      now: () => Date.now(),
      onWarning: () => {},
    });
  }

  async function publish(shelves: Omit<Shelves, 'store'>): Promise<void> {
    const { results } = store;
    await publishResult(RESULT, TASK, {
      ...shelves,
      store: {
        results: {
          commit: async (result, options) => {
            if (options.mayBeLost !== true) synced.push('committed');
            return results.commit(result, options);
          },
          bringToDisk: async (one) => {
            synced.push('brought later');
            await results.bringToDisk(one);
          },
          isComplete: (result) => results.isComplete(result),
          adopt: (result) => results.adopt(result),
        },
      },
    });
    expect(results.find(FP)).toEqual(RESULT);
  }

  test('on a fleet on that of the shared cache, where it is waited for', async () => {
    await publish({ shared, sharesAll: true });

    expect(synced).toEqual([]);
    expect(await shared.find(FP, { isFresh: true })).toEqual(RESULT);
  });

  test('on a fleet whose shared cache is away on that of the worker', async () => {
    renameSync(join(dir.path, 'shared'), join(dir.path, 'away'));

    await publish({ shared, sharesAll: true });

    expect(synced).toEqual(['brought later']);
  });

  test('of a run on one machine on its own, whatever it shares', async () => {
    await publish({ shared: undefined, sharesAll: false });
    await publish({ shared, sharesAll: false });
    await publish({ shared: sharedBy({ readOnly: true }), sharesAll: true });

    expect(synced).toEqual(['committed', 'committed', 'committed']);
  });
});

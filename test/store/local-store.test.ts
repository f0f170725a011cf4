import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Store } from '../../src/store/store.ts';
import { describeStore, type StoreUnderTest } from '../conformance/describe-store.ts';

describeStore('the local store', async (): Promise<StoreUnderTest> => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const opened: Store[] = [];
  return {
    open: async () => {
      // Another machine would have an index of its own.
      const home = join(dir, `home-${opened.length}`);
      const store = Store.open({ home, cache: join(dir, 'cache'), now: () => Date.now() });
      opened.push(store);
      return store;
    },
    damage: async (digest, how) => {
      const path = opened[0]?.blobs.path(digest) ?? '';
      if (how === 'remove') return rmSync(path);
      const bytes = readFileSync(path);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      chmodSync(path, 0o644);
      writeFileSync(path, bytes);
    },
    tear: async (result) => {
      const path = opened[0]?.results.path(result.fingerprint) ?? '';
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, JSON.stringify(result).slice(0, 40));
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) store[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    },
  };
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprint } from '../../src/core/ids.ts';
import type { Remote } from '../../src/store/remote/remote.ts';
import { RemoteCache, type RemoteCacheOptions } from '../../src/store/remote/remote-cache.ts';
import type { Result } from '../../src/store/results.ts';
import { Store } from '../../src/store/store.ts';
import { treeText } from '../../src/store/trees.ts';

/** Of all results that a `CacheMachine` makes. */
export const FP = fingerprint('a'.repeat(64));
/** When they all were made. */
export const NOW = 1_700_000_000_000;

/** A machine with a cache of its own, to put in front of one that machines share. */
export class CacheMachine implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly home = this.#dir;
  readonly store = Store.open({ home: this.#dir, now: () => NOW });

  file(bytes: Uint8Array): { path: string; size: number } {
    const path = join(this.#dir, 'file');
    writeFileSync(path, bytes);
    return { path, size: bytes.length };
  }

  /** A result that is in this machine's store: outputs by name, a file's text or a folder's files. */
  async result(outputs: Record<string, string | Record<string, string>>): Promise<Result> {
    const { blobs } = this.store;
    const named: Record<string, Result['outputs'][string]> = {};
    for (const [name, content] of Object.entries(outputs)) {
      if (typeof content === 'string') {
        named[name] = { ...(await blobs.putDurably(content)), kind: 'file' };
        continue;
      }
      const files = [];
      for (const [path, text] of Object.entries(content))
        files.push({ path, ...(await blobs.putDurably(text)) });
      const { digest } = await blobs.putDurably(treeText(files));
      named[name] = { digest, size: files.reduce((sum, { size }) => sum + size, 0), kind: 'directory' };
    }
    const result: Result = {
      v: 1,
      fingerprint: FP,
      outputs: named,
      producer: { run: 'r', step: 's', at: NOW, durationMs: 1, stockpot: '0.0.0' },
    };
    return this.store.results.commit(result, { replace: true });
  }

  cache(under: { readonly open: () => Remote }, options: Partial<RemoteCacheOptions> = {}): RemoteCache {
    return this.cacheOf(under.open(), options);
  }

  cacheOf(remote: Remote, options: Partial<RemoteCacheOptions> = {}): RemoteCache {
    return new RemoteCache(remote, this.store, {
      accepted: 'any',
      signer: undefined,
      readOnly: false,
      now: () => NOW,
      onWarning: (message) => {
        throw new Error(message);
      },
      ...options,
    });
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
    rmSync(this.#dir, { recursive: true });
  }
}

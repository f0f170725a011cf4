import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { immediate } from '../db/sqlite.ts';
import { Blobs } from './blobs.ts';
import { diskError } from './disk-error.ts';
import { FileDigests } from './file-digests.ts';
import { IndexedStamps, openIndex } from './index-db.ts';
import { type CacheLayout, cacheLayout } from './layout.ts';
import type { Received } from './remote/receive.ts';
import { Receiving } from './remote/receiving.ts';
import type { Remote } from './remote/remote.ts';
import { Results } from './results.ts';

export interface StoreOptions {
  /** `.stockpot`: this machine's state. */
  readonly home: string;
  /** The cache, if it lies elsewhere and is shared. */
  readonly cache?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

function writeGitignore(home: string): void {
  const path = join(home, '.gitignore');
  if (!existsSync(path)) writeFileSync(path, '*\n');
}

/** Content-addressed outputs, the results that name them, and what this machine remembers about files. */
export class Store implements Disposable {
  readonly layout: CacheLayout;
  readonly blobs: Blobs;
  readonly results: Results;
  readonly files: FileDigests;
  readonly index: DatabaseSync;
  readonly #stamps: IndexedStamps;
  readonly #receiving: Receiving;

  private constructor(layout: CacheLayout, index: DatabaseSync, now: () => number) {
    this.layout = layout;
    this.index = index;
    this.#stamps = new IndexedStamps(index);
    this.blobs = new Blobs(layout, this.#stamps, now);
    this.results = new Results(layout, this.blobs);
    this.files = new FileDigests(index, now);
    this.#receiving = new Receiving(this.blobs, layout);
  }

  /** @throws RecipeError DISK_FULL, HOME_READ_ONLY, STORE_TOO_NEW */
  static open({ home, cache, now }: StoreOptions): Store {
    const layout = cacheLayout(cache ?? join(home, 'cache'));
    try {
      for (const dir of [home, layout.tmp, layout.results]) mkdirSync(dir, { recursive: true });
      writeGitignore(home);
      return new Store(layout, openIndex(join(home, 'index.db')), now);
    } catch (error) {
      throw diskError(error, home);
    }
  }

  /**
   * Fetches a blob of a remote; who wants one that is on its way already waits for it.
   *
   * @throws RemoteUnreachable, RemoteRefused, what `onBytes` throws, and what the own disk says
   */
  async receive(remote: Remote, digest: Digest, onBytes: (count: number) => void): Promise<Received> {
    return this.#receiving.receive(remote, digest, onBytes);
  }

  /** Writes down what was learnt about files and blobs. */
  remember(): void {
    immediate(this.index, () => {
      this.#stamps.flush();
      this.files.flush();
      failpoint('index.before-commit');
    });
    failpoint('index.after-commit');
  }

  [Symbol.dispose](): void {
    this.#receiving[Symbol.dispose]();
    try {
      this.remember();
    } finally {
      this.index.close();
    }
  }
}

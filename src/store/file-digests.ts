import { lstatSync, type Stats, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../core/ids.ts';
import { digestFile, digestFileSync } from './hash.ts';

/**
 * Coarsest clock of the file systems we keep state on. A file that changed this shortly before it was
 * hashed may change again without moving its times (git calls it racy): its digest is not remembered.
 *
 * Times are compared as doubles, exact to 0.25 µs: a later write moves ctime past the moment of
 * recording, so by more than this granularity.
 */
const GRANULARITY_MS = 20;

const LARGE = 8 << 20;

interface Known {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly digest: Digest;
}

/** SHA-256 of files of the project, hashed only when their stats moved. */
export class FileDigests {
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #fresh = new Set<string>();
  #loaded = false;

  constructor(db: DatabaseSync, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** Of a file by absolute path; a link counts by what it points to. Undefined if there is no file. */
  sync(path: string): { digest: Digest; size: number; mode: number } | undefined {
    const stats = this.#stat(path);
    if (stats === undefined || !stats.isFile()) return undefined;
    const digest = this.#lookUp(path, stats) ?? this.#record(path, stats, digestFileSync(path));
    return { digest, size: stats.size, mode: stats.mode };
  }

  /** As `sync`, but a large file is hashed without holding up the loop. */
  async of(path: string): Promise<{ digest: Digest; size: number; mode: number } | undefined> {
    const stats = this.#stat(path);
    if (stats === undefined || !stats.isFile()) return undefined;
    if (stats.size < LARGE) return this.sync(path);
    const digest = this.#lookUp(path, stats) ?? this.#record(path, stats, await digestFile(path, stats.size));
    return { digest, size: stats.size, mode: stats.mode };
  }

  /** Whether `of` would have to read more than a moment's worth of bytes. */
  isSlow(path: string): boolean {
    const stats = this.#stat(path);
    return stats !== undefined && stats.size >= LARGE && this.#lookUp(path, stats) === undefined;
  }

  /** Call inside a transaction. */
  flush(): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)');
    for (const path of this.#fresh) {
      const known = this.#known.get(path);
      if (known !== undefined)
        insert.run(path, known.dev, known.ino, known.size, known.mtimeMs, known.ctimeMs, known.digest);
    }
    this.#fresh.clear();
  }

  #stat(path: string): Stats | undefined {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : stats;
  }

  #lookUp(path: string, stats: Stats): Digest | undefined {
    if (!this.#loaded) this.#load();
    const known = this.#known.get(path);
    return known !== undefined &&
      known.mtimeMs === stats.mtimeMs &&
      known.ctimeMs === stats.ctimeMs &&
      known.size === stats.size &&
      known.ino === stats.ino &&
      known.dev === stats.dev
      ? known.digest
      : undefined;
  }

  #record(path: string, stats: Stats, digest: Digest): Digest {
    const { dev, ino, size, mtimeMs, ctimeMs } = stats;
    if (Math.max(mtimeMs, ctimeMs) < this.#now() - GRANULARITY_MS) {
      this.#known.set(path, { dev, ino, size, mtimeMs, ctimeMs, digest });
      this.#fresh.add(path);
    }
    return digest;
  }

  #load(): void {
    this.#loaded = true;
    const all = this.#db.prepare('SELECT path, dev, ino, size, mtime_ms, ctime_ms, digest FROM file');
    all.setReturnArrays(true);
    const rows = all.all() as unknown as [string, number, number, number, number, number, Digest][];
    for (const [path, dev, ino, size, mtimeMs, ctimeMs, digest] of rows)
      this.#known.set(path, { dev, ino, size, mtimeMs, ctimeMs, digest });
  }
}

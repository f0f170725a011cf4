import { rmSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Digest } from '../core/ids.ts';
import { isDamaged, openSqlite } from '../db/sqlite.ts';
import type { BlobStamp, StampBook } from './blobs.ts';

/** Only what can be worked out again: deleting the file costs time, nothing else. */
const MIGRATIONS = [
  `CREATE TABLE file (path TEXT PRIMARY KEY, dev REAL, ino REAL, size REAL, mtime_ms REAL, ctime_ms REAL, digest TEXT)
     WITHOUT ROWID;
   CREATE TABLE blob (digest TEXT PRIMARY KEY, size REAL, mtime_ms REAL, ctime_ms REAL, ino REAL) WITHOUT ROWID;
   CREATE TABLE plan (key TEXT PRIMARY KEY, asked TEXT NOT NULL, plan TEXT NOT NULL, used_at REAL) WITHOUT ROWID;
   CREATE TABLE step (recipe TEXT, step TEXT, fingerprint TEXT, previous TEXT, run TEXT, at REAL, duration_ms REAL,
     PRIMARY KEY (recipe, step)) WITHOUT ROWID;
   CREATE TABLE flight (fingerprint TEXT PRIMARY KEY, pid INTEGER, boot TEXT, started TEXT, run TEXT, at REAL)
     WITHOUT ROWID;
   CREATE TABLE kept (recipe TEXT, step TEXT, fingerprint TEXT, at REAL, PRIMARY KEY (recipe, step, fingerprint))
     WITHOUT ROWID;
   CREATE TABLE probe (key TEXT PRIMARY KEY, value TEXT, at REAL) WITHOUT ROWID;
   CREATE TABLE fetched (uri TEXT PRIMARY KEY, etag TEXT, modified TEXT, digest TEXT, size REAL, at REAL) WITHOUT ROWID;`,
  `CREATE TABLE card (key TEXT PRIMARY KEY, blocks TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE described (key TEXT PRIMARY KEY, manifest TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE remote_result (remote TEXT, fingerprint TEXT, result TEXT NOT NULL, at REAL NOT NULL,
     PRIMARY KEY (remote, fingerprint)) WITHOUT ROWID;`,
];

/** Opens `index.db`; a damaged one is begun anew. */
export function openIndex(path: string): DatabaseSync {
  const open = (): DatabaseSync => openSqlite({ path, migrations: MIGRATIONS, durability: 'normal' });
  try {
    return open();
  } catch (error) {
    if (!isDamaged(error)) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return open();
  }
}

/** Stamps in `index.db`, written together by `flush`. */
export class IndexedStamps implements StampBook {
  readonly #db: DatabaseSync;
  readonly #find: StatementSync;
  readonly #fresh = new Map<Digest, BlobStamp>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#find = db.prepare('SELECT size, mtime_ms, ctime_ms, ino FROM blob WHERE digest = ?');
  }

  get(digest: Digest): BlobStamp | undefined {
    const fresh = this.#fresh.get(digest);
    if (fresh !== undefined) return fresh;
    const row = this.#find.get(digest);
    if (row === undefined) return undefined;
    return {
      size: Number(row['size']),
      mtimeMs: Number(row['mtime_ms']),
      ctimeMs: Number(row['ctime_ms']),
      ino: Number(row['ino']),
    };
  }

  set(digest: Digest, { size, mtimeMs, ctimeMs, ino }: BlobStamp): void {
    this.#fresh.set(digest, { size, mtimeMs, ctimeMs, ino });
  }

  /** Call inside a transaction. */
  flush(): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?, ?)');
    for (const [digest, stamp] of this.#fresh)
      insert.run(digest, stamp.size, stamp.mtimeMs, stamp.ctimeMs, stamp.ino);
    this.#fresh.clear();
  }
}

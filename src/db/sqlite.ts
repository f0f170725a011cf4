import { DatabaseSync } from 'node:sqlite';
import { RecipeError } from '../core/recipe-error.ts';

/** One numbered step of a schema. Never edited once released: the next change is the next number. */
export type Migration = string;

export interface OpenOptions {
  readonly path: string;
  readonly migrations: readonly Migration[];
  /** `full`: what was acknowledged survives a power cut. `normal`: only a crash of the process. */
  readonly durability: 'full' | 'normal';
}

/**
 * Opens a database file in WAL mode and brings its schema up to date.
 *
 * @throws RecipeError STORE_TOO_NEW if a newer version wrote it.
 */
export function openSqlite({ path, migrations, durability }: OpenOptions): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: MAX_WAIT_MS });
  try {
    makeWal(db);
    // A migration may lay a table anew that others refer to.
    db.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA foreign_keys = OFF;`);
    migrate(db, path, migrations);
    db.exec('PRAGMA foreign_keys = ON');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** For a file that somebody else has. */
const MAX_WAIT_MS = 10_000;
const PAUSE_MS = 5;

/** SQLite itself does not wait for who is about to write to a file that is no WAL yet: somebody who makes it, too. */
function makeWal(db: DatabaseSync): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; ; tries += 1)
    try {
      return db.exec('PRAGMA journal_mode = WAL');
    } catch (error) {
      if (codeOf(error) !== SQLITE_BUSY || tries * PAUSE_MS >= MAX_WAIT_MS) throw error;
      Atomics.wait(nobody, 0, 0, PAUSE_MS);
    }
}

/** Whether SQLite says that a file is damaged, or no database at all. */
export function isDamaged(error: unknown): boolean {
  const code = codeOf(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** Whether SQLite says that a file, or its folder, cannot be opened or not be written to. */
export function mayNotOpen(error: unknown): boolean {
  const code = codeOf(error);
  return code === SQLITE_CANTOPEN || code === SQLITE_READONLY;
}

function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
}

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** Runs `work` in one write transaction: all of it, or nothing. Keep it short, others wait. */
export function immediate<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // On a full disk SQLite has rolled back by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  if (schemaVersion(db) === migrations.length) return;
  immediate(db, () => {
    // Another process may have done it while this one waited.
    const version = schemaVersion(db);
    if (version > migrations.length)
      throw new RecipeError('STORE_TOO_NEW', { path, found: version, known: migrations.length });
    for (const migration of migrations.slice(version)) db.exec(migration);
    const [lost] = db.prepare('PRAGMA foreign_key_check').all();
    if (lost !== undefined)
      throw new Error(`Internal error: a migration of ${path} lost rows of ${String(lost['parent'])}`);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

function schemaVersion(db: DatabaseSync): number {
  const row = db.prepare('PRAGMA user_version').get();
  return Number(row?.['user_version'] ?? 0);
}

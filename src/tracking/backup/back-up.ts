import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RecipeError } from '../../core/recipe-error.ts';
import { digestFile } from '../../store/hash.ts';
import { pin, unpin } from '../../store/roots.ts';
import type { Store } from '../../store/store.ts';
import { BACKUP_FILES, type BackupRecord } from './backup-record.ts';
import { type CopiedBlobs, copyBlobs } from './copy-blobs.ts';
import { namedBlobs } from './named-blobs.ts';

export interface BackUpOptions {
  readonly to: string;
  readonly store: Store;
  readonly home: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly version: string;
  /** Writes the tracking database, as it is at one moment, into a new SQLite file. */
  readonly takeSnapshot: (path: string) => Promise<void>;
}

/**
 * Writes a backup into a new folder: the database as it is at one moment, then the files that it names. They
 * are pinned meanwhile, so that gc leaves what clients delete after that moment. A folder without its record
 * is not whole.
 *
 * @throws RecipeError BACKUP_TARGET_TAKEN
 */
export async function backUp(options: BackUpOptions): Promise<BackupRecord & CopiedBlobs> {
  const { to, store, home, takeSnapshot } = options;
  if (existsSync(to) && readdirSync(to).length > 0)
    throw new RecipeError('BACKUP_TARGET_TAKEN', { path: to });
  // It holds the digests of passwords and tokens.
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const path = join(to, BACKUP_FILES.database);
  await takeSnapshot(path);
  sync(path);
  const db = new DatabaseSync(path, { readOnly: true });
  const name = `backup-${randomUUID()}`;
  try {
    await pin(store, home, name, [...namedBlobs(db)]);
    const copied = await copyBlobs(store, namedBlobs(db), join(to, BACKUP_FILES.blobs));
    const record: BackupRecord = {
      v: 1,
      stockpot: options.version,
      at: options.now,
      database: await digestFile(path, statSync(path).size),
    };
    await writeFile(join(to, BACKUP_FILES.record), `${JSON.stringify(record)}\n`, {
      mode: 0o600,
      flush: true,
    });
    sync(to);
    return { ...record, ...copied };
  } finally {
    db.close();
    unpin(store, home, name);
  }
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../core/ids.ts';
import { hasCode, RecipeError } from '../../core/recipe-error.ts';
import { digestFile } from '../../store/hash.ts';

/** What lies in the folder of a backup. */
export const BACKUP_FILES = { database: 'tracking.db', blobs: 'blobs', record: 'backup.json' } as const;

/** Written last: a backup that has none is not whole. */
export interface BackupRecord {
  readonly v: 1;
  readonly stockpot: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Digest of the database's file. */
  readonly database: Digest;
}

/**
 * The record of a backup whose database is as it was written.
 *
 * @throws RecipeError BACKUP_INVALID
 */
export async function readRecord(dir: string): Promise<BackupRecord> {
  const path = join(dir, BACKUP_FILES.database);
  let record: BackupRecord;
  try {
    record = JSON.parse(readFileSync(join(dir, BACKUP_FILES.record), 'utf8')) as BackupRecord;
  } catch (cause) {
    const problem = hasCode(cause, 'ENOENT') ? 'it has no backup.json' : String(cause);
    throw new RecipeError('BACKUP_INVALID', { path: dir, problem }, { cause });
  }
  if (record.v !== 1)
    throw new RecipeError('BACKUP_INVALID', { path: dir, problem: 'a newer Stockpot wrote it' });
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || (await digestFile(path, size)) !== record.database)
    throw new RecipeError('BACKUP_INVALID', {
      path: dir,
      problem: 'its tracking.db is not as it was written',
    });
  return record;
}

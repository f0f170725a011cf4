import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { RecipeError } from './core/recipe-error.ts';
import { openSqlite } from './db/sqlite.ts';
import { requireSharedFiles } from './server/shared-files.ts';
import { makePrivateFolder } from './store/private-folder.ts';
import { backUp } from './tracking/backup/back-up.ts';
import { BACKUP_FILES, type BackupRecord, readRecord } from './tracking/backup/backup-record.ts';
import type { CopiedBlobs } from './tracking/backup/copy-blobs.ts';
import { isEmpty, loadSnapshot } from './tracking/backup/load-snapshot.ts';
import { restoreBlobs } from './tracking/backup/restore-blobs.ts';
import { tablesOf } from './tracking/backup/tables.ts';
import { snapshotFile, snapshotTables } from './tracking/backup/take-snapshot.ts';
import { openDatabase } from './tracking/open-database.ts';
import { TRACKING_MIGRATIONS } from './tracking/sqlite/schema.ts';

export type BackupReport = BackupRecord & CopiedBlobs;

/** Writes what a tracking database holds, and the files that it names, into a new folder. */
export async function composeBackup(
  project: ProjectHome,
  { world, version }: Surroundings,
  { to, database: url }: { to: string; database: string | undefined },
): Promise<BackupReport> {
  const { home, store } = project;
  // Its schema is brought up to date, so that a backup is of this version.
  await using database = await openDatabase(home, url);
  await requireSharedFiles(database, store.layout.root);
  return await backUp({
    to,
    store,
    home,
    now: world.clock.now(),
    version,
    takeSnapshot: async (path) => {
      if (url?.startsWith('postgres:') !== true) return snapshotFile(fileOf(home, url), path);
      const { PostgresReader } = await import('./db/postgres-reader.ts');
      await using reader = await PostgresReader.open(url);
      await snapshotTables(reader, 'tracking', path);
    },
  });
}

/**
 * Brings a backup into a tracking database that is empty, whatever kind it was taken from: files first, then
 * the database at once.
 *
 * @throws RecipeError BACKUP_INVALID, RESTORE_TARGET_NOT_EMPTY
 */
export async function composeRestore(
  project: ProjectHome,
  { from, database: url }: { from: string; database: string | undefined },
): Promise<BackupReport> {
  const { home, store } = project;
  const record = await readRecord(from);
  makePrivateFolder(join(home, 'uploads'));
  // A copy: a backup of an older version is brought up to date there.
  const copy = join(home, 'uploads', `restore-${record.database}.db`);
  try {
    copyFileSync(join(from, BACKUP_FILES.database), copy);
    const db = openSqlite({ path: copy, migrations: TRACKING_MIGRATIONS, durability: 'full' });
    try {
      await requireEmpty(home, url, db);
      // Which cache the files were in: from now on they are in the one here.
      db.exec('DELETE FROM server_settings');
      const copied = await restoreBlobs({ store, home }, db, join(from, BACKUP_FILES.blobs));
      // One file, without a log beside it.
      db.exec('PRAGMA journal_mode = DELETE');
      if (url?.startsWith('postgres:') === true) {
        await using database = await openDatabase(home, url);
        await requireSharedFiles(database, store.layout.root);
        await loadSnapshot(copy, database);
      } else {
        const path = fileOf(home, url);
        for (const rest of ['', '-wal', '-shm']) rmSync(`${path}${rest}`, { force: true });
        renameSync(copy, path);
      }
      return { ...record, ...copied };
    } finally {
      db.close();
    }
  } finally {
    for (const rest of ['', '-wal', '-shm', '-journal']) rmSync(`${copy}${rest}`, { force: true });
  }
}

function fileOf(home: string, url: string | undefined): string {
  return url === undefined ? join(home, 'tracking.db') : resolve(url.slice('sqlite:'.length));
}

async function requireEmpty(home: string, url: string | undefined, db: DatabaseSync): Promise<void> {
  const isServer = url?.startsWith('postgres:') === true;
  if (!isServer && !existsSync(fileOf(home, url))) return;
  await using database = await openDatabase(home, url);
  if (await isEmpty(database, tablesOf(db))) return;
  throw new RecipeError('RESTORE_TARGET_NOT_EMPTY', {
    database: isServer ? (await import('./db/postgres-connections.ts')).placeOf(url) : fileOf(home, url),
  });
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { describeFilesInStore } from '../conformance/describe-files-in-store.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

describeFilesInStore('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const path = join(dir, 'tracking.db');
  const database = SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'normal' });
  return {
    database,
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    },
  };
});

onPostgres((rig) => {
  describeFilesInStore('PostgreSQL', async () => {
    const database = await PostgresDatabase.open({
      url: rig().url,
      schema: rig().newSchema(),
      migrations: POSTGRES_TRACKING_MIGRATIONS,
    });
    return { database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
  });
});

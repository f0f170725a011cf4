import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { describeMlflowStore } from '../conformance/describe-mlflow-store.ts';
import type { OpenStore } from '../conformance/mlflow-store.ts';
import { onEmptiedSchema } from '../rigs/emptied-schema.ts';
import { layFreshTracking } from '../rigs/fresh-tracking.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

describeMlflowStore('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const path = join(dir, 'tracking.db');
  layFreshTracking(path);
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
  const open = onEmptiedSchema(rig, POSTGRES_TRACKING_MIGRATIONS, 1);
  describeMlflowStore('PostgreSQL', async (): Promise<OpenStore> => {
    const [database] = await open();
    if (database === undefined) throw new Error('there is no database');
    return { database, [Symbol.asyncDispose]: async () => {} };
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { describeMlflowStore } from '../conformance/describe-mlflow-store.ts';
import type { OpenStore } from '../conformance/mlflow-store.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

describeMlflowStore('SQLite', async () => {
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

const missing = await PostgresRig.missing();
describe.skipIf(missing !== undefined)(
  `a server of its own${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let rig: PostgresRig;
    beforeAll(async () => {
      rig = await PostgresRig.start();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    describeMlflowStore('PostgreSQL', async (): Promise<OpenStore> => {
      const database = await PostgresDatabase.open({
        url: rig.url,
        schema: rig.newSchema(),
        migrations: POSTGRES_TRACKING_MIGRATIONS,
      });
      return { database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
    });
  },
);

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { createVersion } from '../../src/tracking/mlflow/model-versions.ts';
import { addModel } from '../../src/tracking/mlflow/registered-models.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { SqlTracking } from '../../src/tracking/sql-tracking.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import type { VersionBlob } from '../../src/tracking/version-pins.ts';
import { describeRegistry, type OpenRegistry } from '../conformance/describe-registry.ts';
import { describeSearch } from '../conformance/describe-search.ts';
import { describeTracking, type OpenTracking } from '../conformance/describe-tracking.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

/** Connections to one empty database, and what gives them back. */
type Opened = readonly [connect: () => Database, end: () => Promise<void>];

function describeAll(name: string, open: () => Promise<Opened>, numRuns: number): void {
  describeTracking(name, openTracking);
  describeSearch(name, openTracking, { numRuns });
  describeRegistry(name, openRegistry);

  async function openTracking(): Promise<OpenTracking> {
    const [connect, end] = await open();
    return { tracking: new SqlTracking(connect(), () => 1000), [Symbol.asyncDispose]: end };
  }

  async function openRegistry(): Promise<OpenRegistry> {
    const [connect, end] = await open();
    const pinned: Digest[] = [];
    const options = {
      now: () => 1000,
      actor: 'me',
      pins: { keep: async ({ digest }: VersionBlob): Promise<void> => void pinned.push(digest) },
    };
    return {
      registry: new SqlRegistry(connect(), options),
      other: new SqlRegistry(connect(), options),
      pinned,
      asClient: (name, tags = []) =>
        connect().write(async (sql) => {
          const change = { actor: 'ann', at: 1000 };
          await addModel(sql, { name, description: undefined, tags }, change);
          const version = { name, source: 's3://bucket/model', runId: undefined, runLink: undefined };
          const nothing = { description: undefined, tags: [], digest: undefined, size: undefined };
          await createVersion(sql, { ...version, ...nothing }, change);
        }),
      [Symbol.asyncDispose]: end,
    };
  }
}

describeAll(
  'SQLite',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const path = join(dir, 'tracking.db');
    const opened: SqliteDatabase[] = [];
    const connect = (): SqliteDatabase => {
      const one = SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'normal' });
      opened.push(one);
      return one;
    };
    const end = async (): Promise<void> => {
      for (const one of opened) await one[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    };
    return [connect, end];
  },
  100,
);

onPostgres((rig) => {
  let databases: readonly [Database, Database];
  // Emptied for each test: to make the tables anew takes longer than most tests.
  let empty: string;
  beforeAll(async () => {
    const schema = rig().newSchema();
    const options = { url: rig().url, schema, migrations: POSTGRES_TRACKING_MIGRATIONS };
    databases = [await PostgresDatabase.open(options), await PostgresDatabase.open(options)];
    const { rows } = await rig().query(
      `SELECT tablename FROM pg_tables WHERE schemaname = '${schema}' AND tablename NOT IN ('schema_version', 'experiments')`,
    );
    const tables = rows.map(({ tablename }) => `DELETE FROM ${schema}.${String(tablename)};`);
    empty = `SET session_replication_role = replica; ${tables.join(' ')} DELETE FROM ${schema}.experiments WHERE experiment_id > 0`;
  });
  afterAll(async () => {
    for (const database of databases) await database[Symbol.asyncDispose]();
  });

  describeAll(
    'PostgreSQL',
    async () => {
      await rig().query(empty);
      const [...free] = databases;
      const connect = (): Database => free.pop() ?? databases[0];
      return [connect, async () => {}];
    },
    20,
  );
});

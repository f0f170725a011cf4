import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../../src/core/ids.ts';
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
import { onEmptiedSchema } from '../rigs/emptied-schema.ts';
import { layFreshTracking } from '../rigs/fresh-tracking.ts';
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
    layFreshTracking(path);
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
  const open = onEmptiedSchema(rig, POSTGRES_TRACKING_MIGRATIONS, 2);
  describeAll(
    'PostgreSQL',
    async () => {
      const [first, ...others] = await open();
      const connect = (): Database => {
        const one = others.pop() ?? first;
        if (one === undefined) throw new Error('there is no database');
        return one;
      };
      return [connect, async () => {}];
    },
    20,
  );
});

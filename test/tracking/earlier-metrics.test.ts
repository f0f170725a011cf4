import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { log, points } from '../conformance/mlflow-store.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

const missing = await PostgresRig.missing();

describe('a database that held the latest point of a metric twice', () => {
  test('on SQLite keeps every point, each once', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const found = await brought(TRACKING_MIGRATIONS, async (migrations) =>
      SqliteDatabase.open({ path: join(dir, 'tracking.db'), migrations, durability: 'normal' }),
    );
    expect(found).toEqual(EXPECTED);
    rmSync(dir, { recursive: true });
  });

  test.skipIf(missing !== undefined)('on PostgreSQL keeps every point, each once', async () => {
    await using rig = await PostgresRig.start();
    const schema = rig.newSchema();
    const found = await brought(POSTGRES_TRACKING_MIGRATIONS, async (migrations) =>
      PostgresDatabase.open({ url: rig.url, schema, migrations }),
    );
    expect(found).toEqual(EXPECTED);
  });
});

/** What a database holds once it is opened, once all points are written again, and once a later one is. */
async function brought(
  migrations: readonly string[],
  open: (migrations: readonly string[]) => Promise<Database>,
): Promise<unknown> {
  const since = migrations.findIndex((one) => one.includes('RENAME TO earlier_metrics'));
  const old = await open(migrations.slice(0, since));
  await old.write(async (sql) => {
    await sql.run(
      `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time) VALUES ('r', 0, 'r', 'RUNNING', 1)`,
    );
    for (const [table, rows] of [
      ['metrics', [...ONE, ...MANY, ...STALE, ...LOST, ...EQUAL]],
      ['latest_metrics', [...ONE, ...MANY.slice(-1), ...STALE.slice(0, 1), ...EQUAL.slice(-1), ...ALONE]],
    ] as const)
      await sql.runMany(
        `INSERT INTO ${table} (run_uuid, key, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?, ?)`,
        rows.map((row) => ['r', ...row]),
      );
  });
  await old[Symbol.asyncDispose]();
  await using database = await open(migrations);
  const stored = async (table: string): Promise<unknown[][]> => {
    const columns = 'key, step, timestamp, value, is_nan';
    const rows = await database.read((sql) =>
      sql.all(`SELECT ${columns} FROM ${table} WHERE run_uuid = 'r' ORDER BY ${columns}`),
    );
    return rows.map((row) => Object.values(row));
  };
  const [all, latest] = [await stored('metrics'), await stored('latest_metrics')];
  for (const [key, step, timestamp, value] of [...MANY, ...STALE, ...LOST])
    await log(database, 'r', { metrics: [{ key, step, timestamp, value }] });
  const again = await stored('metrics');
  await log(database, 'r', points(['one', 8, 1]));
  return { all, latest, again, earlier: await stored('earlier_metrics') };
}

/** Without the run. */
type Point = readonly [key: string, step: number, timestamp: number, value: number, isNan: number];

const ALONE: readonly Point[] = [['alone', 0, 1, 5, 0]];
const EQUAL: readonly Point[] = [
  ['equal', 1, 1, 0, 0],
  ['equal', 1, 1, 0, 1],
];
/** An import had left a metric without a latest point, or with one that was not the latest any more. */
const LOST: readonly Point[] = [
  ['lost', 1, 2, 0.5, 0],
  ['lost', 3, 1, 0.25, 0],
];
const MANY: readonly Point[] = [
  ['many', 0, 9, 1, 0],
  ['many', 1, 1, 1, 0],
  ['many', 1, 2, -1, 0],
];
const ONE: readonly Point[] = [['one', 0, 1, 7, 0]];
const STALE: readonly Point[] = [
  ['stale', 1, 1, 1, 0],
  ['stale', 2, 1, 1, 0],
];

const ALL = [...ALONE, ...EQUAL, ...LOST, ...MANY, ...ONE, ...STALE];
const EXPECTED = {
  all: ALL,
  latest: [ALONE, EQUAL, LOST, MANY, ONE, STALE].map((points) => points.at(-1)),
  again: ALL,
  earlier: [...EQUAL.slice(0, -1), ...LOST.slice(0, -1), ...MANY.slice(0, -1), ...ONE, ...STALE.slice(0, -1)],
};

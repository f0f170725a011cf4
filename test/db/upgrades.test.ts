import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  dumpPostgresSchema,
  freshPostgresSchema,
  POSTGRES_SCHEMAS,
} from '../../scripts/dump-postgres-schema.ts';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { historyPage, pointsOf } from '../../src/tracking/mlflow/metric-history.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { newModel, newVersion } from '../conformance/mlflow-store.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

/** In the tables of the first version, whose names and columns are the same on both databases. */
const POINTS = [
  `INSERT INTO experiments (experiment_id, name, creation_time, last_update_time) VALUES (1, 'e', 1, 1)`,
  `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time) VALUES ('r', 1, 'r', 'FINISHED', 1)`,
  // As it should be; with a latest point that is not the greatest; without one.
  ...['good', 'old', 'lost'].map(
    (key) => `INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan)
      VALUES ('r', '${key}', 1, 10, 0.5, 0), ('r', '${key}', 2, 20, 0.25, 0), ('r', '${key}', 2, 20, 0.75, 0)`,
  ),
  `INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)
     VALUES ('r', 'good', 2, 20, 0.75, 0), ('r', 'old', 1, 10, 0.5, 0)`,
];

const MODELS = [
  `INSERT INTO registered_models (name, creation_time, last_updated_time, next_version)
     VALUES ('again', 1, 1, 2), ('imported', 1, 1, 9)`,
  ...[
    ['gone', 'register', '1'],
    ['gone', 'register', '12'],
    ['gone', 'register', '9'],
    ['gone', 'alias champion', '12'],
    ['again', 'register', '1'],
    ['again', 'register', '2'],
    ['again', 'register', '1'],
    ['imported', 'import', '3'],
    ['moved', 'import', '4'],
    ['user:ann', 'role', 'admin'],
  ].map(
    ([name, action, after]) =>
      `INSERT INTO audit (at, actor, action, name, after) VALUES (1, 'ann', '${action}', '${name}', '${after}')`,
  ),
];

/** An experiment that was made at 40, and runs of it and of `Default`: only those of the latter say something of it. */
const BEGINNINGS = [
  `INSERT INTO experiments (experiment_id, name, creation_time, last_update_time) VALUES (1, 'e', 40, 50)`,
  `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time)
     VALUES ('r', 0, 'r', 'FINISHED', 30), ('s', 0, 's', 'FINISHED', NULL), ('t', 1, 't', 'FINISHED', 20)`,
];

interface Opened extends AsyncDisposable {
  /** With so many of the migrations; all of them if it is not said. */
  readonly open: (count?: number) => Promise<Database>;
}

function describeUpgrades(name: string, create: () => Opened): void {
  /** A database of the first version with these rows, as it is now. */
  const upgraded = async ({ open }: Opened, rows: readonly string[]): Promise<Database> => {
    await using old = await open(1);
    await old.write(async (sql) => {
      for (const row of rows) await sql.run(row);
    });
    return await open();
  };

  describe(`${name}: a tracking database of the first version`, () => {
    test('has each point of a metric once afterwards, and the greatest as the latest', async () => {
      await using opened = create();
      await using database = await upgraded(opened, POINTS);
      const page = { maxResults: 100, pageToken: undefined };
      for (const key of ['good', 'old', 'lost']) {
        const { metrics } = await database.read((sql) => historyPage(sql, 'r', key, page));
        expect(pointsOf(metrics).map(({ step, value }) => [key, step, value])).toEqual([
          [key, 1, 0.5],
          [key, 2, 0.25],
          [key, 2, 0.75],
        ]);
        const latest = await database.read((sql) =>
          sql.all('SELECT step, value FROM latest_metrics WHERE key = ?', key),
        );
        expect(latest.map((row) => ({ ...row }))).toEqual([{ step: 2, value: 0.75 }]);
        const found = await database.read((sql) =>
          sql.get('SELECT run_uuid, value FROM metric_values WHERE key = ?', key),
        );
        expect(found).toMatchObject({ run_uuid: 'r', value: 0.75 });
      }
    });

    test('goes on with the numbers that a name had, also of models that were deleted', async () => {
      await using opened = create();
      await using database = await upgraded(opened, MODELS);
      const next: string[] = [];
      for (const model of ['gone', 'again', 'imported', 'moved', 'new']) {
        if (model !== 'again' && model !== 'imported') await newModel(database, model);
        next.push(`${model} ${await newVersion(database, model)}`);
      }
      expect(next).toEqual(['gone 13', 'again 3', 'imported 9', 'moved 5', 'new 1']);
    });

    test.each<[string, readonly string[], number, number]>([
      ['of its first run', BEGINNINGS, 30, 30],
      ['of the first other one', BEGINNINGS.slice(0, 1), 40, 40],
      [
        'at the latest of its change, which stays',
        [...BEGINNINGS.slice(0, 1), 'UPDATE experiments SET last_update_time = 35 WHERE experiment_id = 0'],
        35,
        35,
      ],
    ])('has Default from the time %s on', async (_, rows, created, updated) => {
      await using opened = create();
      await using database = await upgraded(opened, rows);
      expect(await timesOfDefault(database)).toEqual([created, updated]);
    });

    test('with nothing in it has Default from now on, as a new one has', async () => {
      for (const rows of [undefined, []]) {
        await using opened = create();
        const from = Date.now();
        await using database = await (rows === undefined ? opened.open() : upgraded(opened, rows));
        const [created = 0, updated] = await timesOfDefault(database);
        expect(updated).toBe(created);
        // A database's clock may be a millisecond behind as it is rounded down.
        expect(created).toBeGreaterThanOrEqual(from - 1);
        expect(created).toBeLessThanOrEqual(Date.now());
      }
    });
  });
}

async function timesOfDefault(database: Database): Promise<number[]> {
  const row = await database.read((sql) =>
    sql.get('SELECT creation_time, last_update_time FROM experiments WHERE experiment_id = 0'),
  );
  return [Number(row?.['creation_time']), Number(row?.['last_update_time'])];
}

describeUpgrades('SQLite', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  return {
    open: async (count) =>
      SqliteDatabase.open({
        path: join(dir, 'tracking.db'),
        migrations: TRACKING_MIGRATIONS.slice(0, count),
        durability: 'normal',
      }),
    [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true }),
  };
});

onPostgres((rig) => {
  describeUpgrades('PostgreSQL', () => {
    const schema = rig().newSchema();
    return {
      open: (count) =>
        PostgresDatabase.open({
          url: rig().url,
          schema,
          migrations: POSTGRES_TRACKING_MIGRATIONS.slice(0, count),
        }),
      [Symbol.asyncDispose]: async () => {},
    };
  });

  describe.each(['tracking', 'ledger'] as const)('the PostgreSQL schema %s', (name) => {
    // If this fails after a new migration: `npm run golden`. A released migration is never edited.
    test('is the one that is written down', async () => {
      const written = readFileSync(join(import.meta.dirname, `${name}.postgres.txt`), 'utf8');
      expect(await freshPostgresSchema(await rig().newDatabase(), name)).toBe(written);
    });

    test('of the first version is brought to it', async () => {
      const url = await rig().newDatabase();
      const open = (count?: number): Promise<PostgresDatabase> =>
        PostgresDatabase.open({ url, schema: name, migrations: POSTGRES_SCHEMAS[name].slice(0, count) });
      for (let count = 1; count <= POSTGRES_SCHEMAS[name].length; count += 1)
        await (await open(count))[Symbol.asyncDispose]();
      await using database = await open();
      expect(await database.read((sql) => dumpPostgresSchema(sql, name))).toBe(
        readFileSync(join(import.meta.dirname, `${name}.postgres.txt`), 'utf8'),
      );
    });
  });
});

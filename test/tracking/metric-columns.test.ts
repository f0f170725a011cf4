import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/db/sqlite.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { found, log, newRun, points } from '../conformance/mlflow-store.ts';

/** The number of the migration that brings them. */
const COLUMNS = TRACKING_MIGRATIONS.findIndex((one) => one.includes('CREATE TABLE metric_columns'));
/** More than are laid out at once. */
const RUNS = 600;

describe('the columns of metrics, which searches read, hold what the runs hold', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const path = join(dir, 'tracking.db');
  let database: SqliteDatabase;
  const value = (n: number): number => (n % 7 === 0 ? Number.NaN : (n * 31) % 100);

  beforeAll(async () => {
    database = SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'normal' });
    await Promise.all(
      Array.from({ length: RUNS }, async (_, n) => {
        await newRun(database, `r${n}`, { startTime: n });
        await log(database, `r${n}`, points(['auc', value(n)], ['loss', -n]));
      }),
    );
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  const stale = async (): Promise<number> =>
    database.read(async (sql) => (await sql.all('SELECT id FROM stale_runs')).length);
  const differences = async (): Promise<unknown> =>
    database.read(async (sql) => {
      const [all, seen] = ['latest_metrics', 'metric_values'].map(
        (table) => `SELECT run_uuid, key, value, is_nan FROM ${table}`,
      );
      return [
        await sql.all(`${all} EXCEPT ${seen}`),
        await sql.all(`${seen} EXCEPT ${all}`),
        (await sql.get('SELECT count(*) AS count FROM metric_values'))?.['count'],
      ];
    });

  test('when most are laid out, and the last ones are not yet', async () => {
    expect(await stale()).toBeGreaterThan(0);
    expect(await stale()).toBeLessThan(256);
    expect(await differences()).toEqual([[], [], RUNS * 2]);
    const ids = Array.from({ length: RUNS }, (_, n) => n).filter((n) => value(n) > 50);
    expect(await found(database, 'metrics.auc > 50')).toEqual(ids.toReversed().map((n) => `r${n}`));
    expect(await found(database, '', { orderBy: ['metrics.loss'], maxResults: 5 })).toEqual(
      [599, 598, 597, 596, 595].map((n) => `r${n}`),
    );
  });

  test('when a value that is laid out changes, and when all change', async () => {
    await log(database, 'r1', points(['auc', 1000, 1]));
    expect(await found(database, 'metrics.auc > 999')).toEqual(['r1']);
    expect(await found(database, '', { orderBy: ['metrics.auc DESC'], maxResults: 1 })).toEqual(['r1']);
    expect(await differences()).toEqual([[], [], RUNS * 2]);
    for (let n = 0; n < RUNS; n += 1) await log(database, `r${n}`, points(['loss', n, 2]));
    expect(await differences()).toEqual([[], [], RUNS * 2]);
  });

  test('when a column is long enough that where a page ends is told by a part of it', async () => {
    const long = SqliteDatabase.open({
      path: join(dir, 'long.db'),
      migrations: TRACKING_MIGRATIONS,
      durability: 'normal',
    });
    const runs = 21_000;
    // Falling, so that what is looked at first says nothing of the rest; equal ones, and some without a value.
    const lossOf = (n: number): number => Math.floor((runs - n) / 3);
    await long.write(async (sql) => {
      const numbers = Array.from({ length: runs }, (_, n) => n);
      await sql.runMany(
        'INSERT INTO runs (run_uuid, experiment_id, name, status, start_time) VALUES (?, ?, ?, ?, ?)',
        numbers.map((n) => [`r${n}`, 0, 'r', 'FINISHED', n]),
      );
      await sql.runMany(
        'INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)',
        numbers.filter((n) => n % 10 !== 0).map((n) => [`r${n}`, 'loss', lossOf(n), 0, 0, 0]),
      );
      await sql.runMany(
        'INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)',
        numbers.map((n) => [`r${n}`, 'of', `${n % 7}`]),
      );
    });
    for (const [filter, passes] of [
      ['', () => true],
      ["params.of = '3'", (n: number) => n % 7 === 3],
      ["params.of = '3' AND metrics.loss != 1", (n: number) => n % 7 === 3 && lossOf(n) !== 1],
    ] as const)
      for (const [order, way] of [
        ['metrics.loss', 1],
        ['metrics.loss DESC', -1],
      ] as const) {
        const all = Array.from({ length: runs }, (_, n) => n)
          .filter((n) => n % 10 !== 0 && passes(n))
          .toSorted((a, b) => way * (lossOf(a) - lossOf(b)) || b - a);
        const page = await found(long, filter, { orderBy: [order], maxResults: 50 });
        expect([filter, order, page]).toEqual([filter, order, all.slice(0, 50).map((n) => `r${n}`)]);
      }
    await long[Symbol.asyncDispose]();
  });

  test('when values go', async () => {
    await database.write((sql) => sql.run(`DELETE FROM latest_metrics WHERE run_uuid IN ('r3', 'r599')`));
    expect(await differences()).toEqual([[], [], RUNS * 2 - 4]);
  });

  test('when the file was written before there were columns', async () => {
    const old = join(dir, 'old.db');
    const before = openSqlite({
      path: old,
      migrations: TRACKING_MIGRATIONS.slice(0, COLUMNS),
      durability: 'normal',
    });
    before.exec(`INSERT INTO runs (run_uuid, experiment_id, name, status, start_time) VALUES ('b', 0, 'b', 'FINISHED', 2), ('a', 0, 'a', 'FINISHED', 1);
      INSERT INTO latest_metrics VALUES ('a', 'auc', 1, 0, 0, 0), ('b', 'auc', 0, 0, 0, 1), ('b', 'loss', 2, 0, 0, 0);`);
    before.close();
    await using opened = SqliteDatabase.open({
      path: old,
      migrations: TRACKING_MIGRATIONS,
      durability: 'normal',
    });
    await newRun(opened, 'c', { startTime: 3 });
    await log(opened, 'c', points(['auc', 3]));
    expect(await found(opened, '', { orderBy: ['metrics.auc DESC'] })).toEqual(['c', 'a', 'b']);
    expect(await found(opened, 'metrics.loss = 2')).toEqual(['b']);
    expect(
      await opened.read((sql) => sql.all('SELECT run_uuid AS id, run_seq AS seq FROM runs ORDER BY run_seq')),
    ).toEqual([
      { id: 'a', seq: 1 },
      { id: 'b', seq: 2 },
      { id: 'c', seq: 3 },
    ]);
  });
});

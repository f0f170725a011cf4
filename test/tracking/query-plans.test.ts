import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Dialect, Row, Sql, SqlValue } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { logBatch, logMetric } from '../../src/tracking/mlflow/log.ts';
import { historyPage } from '../../src/tracking/mlflow/metric-history.ts';
import { readRun } from '../../src/tracking/mlflow/runs.ts';
import { searchRuns } from '../../src/tracking/mlflow/search-runs.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { log, newRun, points } from '../conformance/mlflow-store.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

/**
 * SQLite keeps no statistics here: which index it takes depends on the columns alone, and a wrong one is seen only
 * where there is much.
 */
const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
let database: SqliteDatabase;

beforeAll(async () => {
  const path = join(dir, 'tracking.db');
  database = SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'normal' });
  await newRun(database, 'r');
  await log(database, 'r', points(['m', 1]));
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

/** What asks for a plan, and the column that it comes in. */
const EXPLAIN: Readonly<Record<Dialect, readonly [explain: string, column: string]>> = {
  sqlite: ['EXPLAIN QUERY PLAN', 'detail'],
  postgres: ['EXPLAIN', 'QUERY PLAN'],
};
const search = {
  filter: '',
  view: 'ACTIVE_ONLY',
  maxResults: 10,
  orderBy: [],
  pageToken: undefined,
} as const;

test.each<[string, (sql: Sql) => Promise<unknown>]>([
  ['a point is written', async (sql) => logMetric(sql, 'r', { key: 'm', value: 2, timestamp: 2, step: 1 })],
  [
    'a batch is written',
    async (sql) =>
      logBatch(sql, 'r', {
        metrics: [],
        params: [{ key: 'p', value: '1' }],
        tags: [{ key: 't', value: '1' }],
      }),
  ],
  ['a history is read', async (sql) => historyPage(sql, 'r', 'm', { maxResults: 10, pageToken: undefined })],
  ['a run is read', async (sql) => readRun(sql, 'r', '')],
  ['a page of an experiment is read', async (sql) => searchRuns(sql, ['0'], search, '')],
  [
    'a parameter is searched for',
    async (sql) => searchRuns(sql, ['0'], { ...search, filter: "params.p = '1'" }, ''),
  ],
])('where %s, no table is read from end to end, and a metric is found by its run', async (_, work) => {
  const plans = await database.write((sql) => plansOf(sql, work));
  expect(plans.length).toBeGreaterThan(0);
  const big = /\b(?:runs|r|params|tags|metrics|latest_metrics|earlier_metrics)\b/;
  expect(plans.filter((line) => line.startsWith('SCAN') && big.test(line))).toEqual([]);
  const metrics = plans.filter((line) => /^SEARCH (?:latest_|earlier_)?metrics\b/.test(line));
  expect(metrics.filter((line) => !line.includes('(run_uuid=?'))).toEqual([]);
});

onPostgres((postgres) => {
  test.each([[[]], [['start_time']], [['start_time DESC']]])(
    'by %j each page of an experiment is read from the index on PostgreSQL',
    async (orderBy) => {
      const url = await postgres().newDatabase();
      await using store = await openDatabase('', url);
      await store.write((sql) =>
        sql.run(
          `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time)
           SELECT 'r' || n, 0, 'r', 'FINISHED', n FROM generate_series(1, 20000) AS n`,
        ),
      );
      await postgres().query('ANALYZE', new URL(url).pathname.slice(1));
      const asked = { ...search, filter: "status = 'FINISHED'", orderBy };
      const plans = await store.read((sql) =>
        plansOf(sql, async (noting) => {
          const { next_page_token: pageToken } = await searchRuns(noting, ['0'], asked, '');
          await searchRuns(noting, ['0'], { ...asked, pageToken }, '');
        }),
      );
      const reads = plans.flatMap((line) => / (\S+ Scan\b.*) on runs r /.exec(line)?.[1] ?? []);
      const backward = orderBy.includes('start_time') ? ' Backward' : '';
      expect(reads).toEqual(
        Array.from({ length: 2 }, () => `Index Scan${backward} using runs_by_experiment`),
      );
    },
  );
});

/** How the database goes about each statement of `work`, line by line. */
async function plansOf(sql: Sql, work: (noting: Sql) => Promise<unknown>): Promise<string[]> {
  const asked: [text: string, values: readonly SqlValue[]][] = [];
  const note =
    <T>(ask: (text: string, ...values: readonly SqlValue[]) => Promise<T>) =>
    async (text: string, ...values: readonly SqlValue[]): Promise<T> => {
      asked.push([text, values]);
      return ask(text, ...values);
    };
  await work({
    dialect: sql.dialect,
    all: note<Row[]>((...query) => sql.all(...query)),
    get: note<Row | undefined>((...query) => sql.get(...query)),
    run: note<number>((...query) => sql.run(...query)),
    runMany: async (text, rows) => {
      if (rows[0] !== undefined) asked.push([text, rows[0]]);
      await sql.runMany(text, rows);
    },
  });
  const lines: string[] = [];
  const [explain, column] = EXPLAIN[sql.dialect];
  for (const [text, values] of asked)
    lines.push(...(await sql.all(`${explain} ${text}`, ...values)).map((row) => String(row[column])));
  return lines;
}

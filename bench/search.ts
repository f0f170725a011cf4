import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SqlValue } from '../src/db/sql.ts';
import { searchRuns } from '../src/tracking/mlflow/search-runs.ts';
import { openDatabase } from '../src/tracking/open-database.ts';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';

/**
 * Searches of 100,000 runs with 20 metrics and 10 parameters each, as the server makes them on SQLite or
 * `--postgres`: a page of 100 whole runs, median and worst of 20; then a page of 1,000.
 * `npm run bench:search -- [--postgres]`
 */
const RUNS = 100_000;
const BATCH = 1000;
const QUERIES: readonly (readonly [filter: string, orderBy: readonly string[]])[] = [
  ['', []],
  ['metrics.m0 > 0.999', []],
  ['metrics.m0 > 0.5', ['metrics.m1 DESC']],
  ["params.p0 = '7'", []],
  ["tags.team = 'blue'", []],
  ["attributes.status = 'FINISHED'", ['start_time ASC']],
  ["metrics.m0 > 0.2 AND params.p3 = '5'", ['metrics.m2 ASC']],
  ["attributes.run_name LIKE 'run-99%'", []],
];

const dir = mkdtempSync(join(tmpdir(), 'bench-'));
const { values } = parseArgs({ options: { postgres: { type: 'boolean', default: false } } });
await using rig = values.postgres ? await PostgresRig.start() : undefined;
const database = await openDatabase('', rig?.url ?? `sqlite:${join(dir, 'tracking.db')}`);
try {
  for (let from = 0; from < RUNS; from += BATCH) await fill(from);
  // As it does by itself, some time after so many writes.
  await rig?.query('VACUUM ANALYZE');
  const table: object[] = [];
  for (const [filter, orderBy] of QUERIES)
    table.push({ filter, orderBy: orderBy.join(), ...(await time(filter, orderBy, 100)) });
  console.table(table);
  console.log('a page of 1,000', await time('', [], 1000));
} finally {
  await database[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
}

async function time(
  filter: string,
  orderBy: readonly string[],
  maxResults: number,
): Promise<{ runs: number; medianMs: number; worstMs: number }> {
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round < 20; round += 1) {
    await database.read(async (sql) => {
      const started = performance.now();
      const search = { filter, view: 'ACTIVE_ONLY', maxResults, orderBy, pageToken: undefined } as const;
      const { runs } = await searchRuns(sql, ['0'], search, 'mlflow-artifacts:');
      times.push(performance.now() - started);
      found = runs.length;
    });
  }
  times.sort((a, b) => a - b);
  return { runs: found, medianMs: Math.round(times[10] ?? 0), worstMs: Math.round(times[19] ?? 0) };
}

/** Values that are spread evenly, by numbers without a common divisor. */
async function fill(from: number): Promise<void> {
  const [runs, metrics, params, tags]: [SqlValue[][], SqlValue[][], SqlValue[][], SqlValue[][]] = [
    [],
    [],
    [],
    [],
  ];
  for (let n = from; n < from + BATCH; n += 1) {
    // Ids of clients are random: so is their place in an index.
    const id = ((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0').repeat(4);
    runs.push([id, 0, `run-${n}`, 'FINISHED', n, n + 5]);
    for (let key = 0; key < 20; key += 1)
      metrics.push([id, `m${key}`, ((n * 7919 + key * 31) % 100_000) / 100_000, 1, 0, 0]);
    for (let key = 0; key < 10; key += 1) params.push([id, `p${key}`, String((n + key) % 1000)]);
    tags.push([id, 'mlflow.runName', `run-${n}`], [id, 'team', n % 2 === 0 ? 'red' : 'blue']);
  }
  await database.write(async (sql) => {
    await sql.runMany(
      'INSERT INTO runs (run_uuid, experiment_id, name, status, start_time, end_time) VALUES (?, ?, ?, ?, ?, ?)',
      runs,
    );
    await sql.runMany(
      'INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)',
      metrics,
    );
    await sql.runMany('INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)', params);
    await sql.runMany('INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)', tags);
  });
}

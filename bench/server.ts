import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { type Contender, mlflow, Running, stockpot } from './contender.ts';
import { CLIENTS, load, post, quantile } from './load.ts';

/**
 * The tracking server beside MLflow's own under the same load from this process, on SQLite or
 * `--postgres`: `npm run bench:server -- [--postgres] PYTHON...`, each a Python that has MLflow (and
 * psycopg2). One at a time, ours first; each on an empty database.
 */
const SECONDS = 5;

const { values, positionals: pythons } = parseArgs({
  allowPositionals: true,
  options: { postgres: { type: 'boolean', default: false } },
});

if (values.postgres) {
  await using rig = await PostgresRig.start('durable');
  await measure(stockpot('--database', rig.url, '--cache', '.'));
  for (const [index, python] of pythons.entries()) {
    await rig.query(`CREATE DATABASE mlflow${index}`);
    await measure(mlflow(python, rig.alchemyUrlOf(`mlflow${index}`)));
  }
} else {
  await measure(stockpot());
  for (const python of pythons) await measure(mlflow(python, 'sqlite:///mlflow.db'));
}

async function measure(contender: Contender): Promise<void> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'bench-'));
  const first = await Running.start(contender, folder.path);
  await first[Symbol.asyncDispose]();
  await using server = await Running.start(contender, folder.path);
  const { port, readyMs } = server;
  const idleMiB = server.memory();
  const run = await newRun(port);
  const latencies: number[] = [];
  await load(1, SECONDS, async (n) => {
    const before = performance.now();
    await logMetric(port, run, n);
    latencies.push(performance.now() - before);
  });
  const metricsPerSecond = await load(CLIENTS, SECONDS, (n) => logMetric(port, run, n));
  const runs = await Promise.all(Array.from({ length: CLIENTS }, () => newRun(port)));
  const ownPerSecond = await load(CLIENTS, SECONDS, (n) => logMetric(port, runs[n % CLIENTS] ?? run, n));
  const runsPerSecond = await load(CLIENTS, SECONDS, () => wholeRun(port));
  console.log({
    name: contender.name,
    firstReadyMs: first.readyMs,
    readyMs,
    idleMiB,
    logMetricP50Ms: quantile(latencies, 0.5),
    /** To one run, and to as many runs as there are clients. */
    logMetricPerSecond: [metricsPerSecond, ownPerSecond].map(Math.round),
    wholeRunsPerSecond: Number(runsPerSecond.toFixed(1)),
  });
}

async function wholeRun(port: number): Promise<void> {
  const id = await newRun(port);
  const metrics = Array.from({ length: 100 }, (_, step) => ({
    key: `m${step}`,
    value: step,
    timestamp: 1,
    step,
  }));
  await post(port, 'runs/log-batch', { run_id: id, metrics });
  await post(port, 'runs/update', { run_id: id, status: 'FINISHED', end_time: 2 });
}

async function newRun(port: number): Promise<string> {
  const { run } = (await post(port, 'runs/create', { experiment_id: '0', start_time: 1 })) as {
    run: { info: { run_id: string } };
  };
  return run.info.run_id;
}

async function logMetric(port: number, run_id: string, step: number): Promise<void> {
  await post(port, 'runs/log-metric', { run_id, key: 'm', value: step, timestamp: 1, step });
}

import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { mlflow, Running, stockpot } from './contender.ts';
import { post, quantile } from './load.ts';

/**
 * The same searches of what MLflow's client wrote, of this server after an import and of MLflow's own on the
 * file itself: `npm run bench:searches -- FILE PYTHON...`, the file as `bench/fill_mlflow.py` makes it. A page
 * of 100 whole runs each, several times, through HTTP.
 */
const [file = '', ...pythons] = process.argv.slice(2);
const BIN = join(import.meta.dirname, '../bin/recipe.js');
const ROUNDS = 20;
/** The slow ones of a peer are told after fewer. */
const MOST_MS = 20_000;
const QUERIES: readonly (readonly [filter: string, orderBy: readonly string[], size: number])[] = [
  ['', [], 100],
  ['metrics.m0 > 0.999', [], 100],
  ['metrics.m0 > 0.5', ['metrics.m1 DESC'], 100],
  ["params.p0 = '7'", [], 100],
  ["tags.team = 'b'", [], 100],
  ["attributes.status = 'FINISHED'", ['start_time ASC'], 100],
  ["metrics.m0 > 0.2 AND params.p1 = '5'", ['metrics.m2 ASC'], 100],
  ["attributes.run_name LIKE 'run 99%'", [], 100],
  ['', [], 1000],
];

using folder = mkdtempDisposableSync(join(tmpdir(), 'bench-'));
const started = performance.now();
await execa(process.execPath, [BIN, 'server', 'import', `sqlite:///${resolve(file)}`], { cwd: folder.path });
console.log(`imported in ${((performance.now() - started) / 1000).toFixed(1)} s`);
for (const contender of [
  stockpot(),
  ...pythons.map((python) => mlflow(resolve(python), `sqlite:///${resolve(file)}`)),
]) {
  await using server = await Running.start(contender, folder.path);
  console.log(contender.name);
  console.table(await measure(server.port));
}

async function measure(port: number): Promise<object[]> {
  const { experiments } = (await post(port, 'experiments/search', {
    max_results: 10,
    filter: "name = 'big'",
  })) as { experiments: readonly { experiment_id: string }[] };
  const rows: object[] = [];
  for (const [filter, orderBy, size] of QUERIES) {
    const times: number[] = [];
    let runs: readonly unknown[] = [];
    const before = performance.now();
    const asked = {
      experiment_ids: [experiments[0]?.experiment_id],
      filter,
      order_by: orderBy,
      max_results: size,
    };
    let failed: string | undefined;
    for (
      let round = 0;
      failed === undefined && round < ROUNDS && performance.now() - before < MOST_MS;
      round += 1
    ) {
      const from = performance.now();
      try {
        ({ runs = [] } = (await post(port, 'runs/search', asked)) as { runs?: readonly unknown[] });
        times.push(performance.now() - from);
      } catch (error) {
        // MLflow's own server ends a worker that takes longer than half a minute.
        failed = `${String(error)} after ${((performance.now() - from) / 1000).toFixed(0)} s`;
      }
    }
    rows.push({
      filter,
      orderBy: orderBy.join(),
      runs: runs.length,
      medianMs: quantile(times, 0.5),
      p95Ms: quantile(times, 0.95),
      ...(failed === undefined ? {} : { failed }),
    });
  }
  return rows;
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fitGbdt } from '../src/learn/gbdt/fit-gbdt.ts';
import { openForeignGraph } from '../src/learn/onnx/foreign-graph.ts';
import { modelGraph } from '../src/learn/onnx/model-graph.ts';
import { readGraph } from '../src/learn/onnx/read-graph.ts';
import { compileGraph } from '../src/learn/onnx/run-graph.ts';
import { readFloats } from '../src/tables/read-columns.ts';
import { Tables } from '../src/tables/tables.ts';

/**
 * Scoring a model's graph beside onnxruntime-node on one thread: 375,000 flights × 200 trees of 31 leaves.
 * `npm run bench:score`. Processor time, the best of three.
 */
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');
const FEATURES = ['month', 'day', 'weekday', 'minute', 'distance'];
const ROWS = 375_000;

const tmp = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  await using tables = await Tables.open({ threads: 2, tmp });
  const table = join(tmp, 'flights.parquet');
  await tables.writeTable(
    `SELECT row_number() OVER () - 1 AS __row, month(date)::FLOAT AS month, day(date)::FLOAT AS day, dayofweek(date)::FLOAT AS weekday,
       (hour(date) * 60 + minute(date))::FLOAT AS minute, distance::FLOAT AS distance, (delay > 15)::FLOAT AS target
     FROM read_parquet('${FLIGHTS}') USING SAMPLE reservoir(${ROWS} ROWS) REPEATABLE (1)`,
    table,
  );
  const { columns, rows } = await readFloats(tables, table, [...FEATURES, 'target']);
  const features = {
    rows,
    columns: FEATURES.map((name, at) => ({ name, values: columns[at] as Float32Array })),
  };
  const { model } = await fitGbdt(
    { features, target: Float64Array.from(columns.at(-1) ?? []) },
    undefined,
    {
      task: 'binary',
      classes: 2,
      maxIterations: 200,
      learningRate: 0.1,
      maxLeafNodes: 31,
      maxDepth: 64,
      minSamplesLeaf: 20,
      l2: 0,
      noChangeIterations: undefined,
      threads: 2,
    },
    () => {},
  );
  const bytes = modelGraph(
    {
      v: 1,
      inputs: FEATURES.map((name) => ({ name, type: 'float', nullable: true })),
      target: { column: 'late', type: 'boolean', task: 'binary', classes: ['false', 'true'] },
      features: FEATURES.map((name) => ({ name, op: 'number', column: name })),
      dropped: [],
    },
    model,
  );
  writeFileSync(join(tmp, 'model.onnx'), bytes);
  const raw = {
    rows,
    columns: features.columns.map(({ name, values }) => ({
      name,
      type: 'float' as const,
      values: Float64Array.from(values),
    })),
  };
  const graph = readGraph(bytes);
  const run = compileGraph(graph);
  const peer = await openForeignGraph(tmp, join(tmp, 'model.onnx'), graph);
  console.log({
    rows,
    trees: model.trees.length,
    ours: await bestOfThree(() => run(raw)),
    onnxruntime: await bestOfThree(() => peer?.run(raw)),
  });
} finally {
  rmSync(tmp, { recursive: true });
}

/** Seconds of processor time. */
async function bestOfThree(action: () => unknown): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < 3; round += 1) {
    const before = process.cpuUsage();
    await action();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return Number(best.toFixed(2));
}

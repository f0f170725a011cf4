import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fitGbdt } from '../src/learn/gbdt/fit-gbdt.ts';
import { predictGbdt } from '../src/learn/gbdt/predict-gbdt.ts';
import { rankingCurves } from '../src/learn/metrics/ranking.ts';
import { readFloats } from '../src/tables/read-columns.ts';
import { Tables } from '../src/tables/tables.ts';

/**
 * Boosted trees beside scikit-learn's HistGradientBoosting: the same rows and features, 100 iterations, 31
 * leaves, 255 bins. `npm run bench:gbdt -- PYTHON` with a Python that has scikit-learn, pandas and pyarrow.
 */
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');
const FEATURES = ['month', 'day', 'weekday', 'minute', 'distance', 'origin', 'destination'];

const python = process.argv[2] ?? 'python3';
const tmp = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  await using tables = await Tables.open({ threads: 2, tmp });
  for (const rows of [100_000, 3_000_000]) {
    const path = join(tmp, `${rows}.parquet`);
    await tables.run(
      `CREATE OR REPLACE TABLE airports AS SELECT origin AS name, count(*)::FLOAT AS n FROM read_parquet('${FLIGHTS}') GROUP BY origin`,
    );
    await tables.writeTable(
      `SELECT row_number() OVER () - 1 AS __row, month(date)::FLOAT AS month, day(date)::FLOAT AS day, dayofweek(date)::FLOAT AS weekday,
         (hour(date) * 60 + minute(date))::FLOAT AS minute, distance::FLOAT AS distance, coalesce(a.n, 0) AS origin,
         coalesce(b.n, 0) AS destination, (delay > 15)::FLOAT AS target
       FROM (SELECT * FROM read_parquet('${FLIGHTS}') USING SAMPLE reservoir(${rows} ROWS) REPEATABLE (1)) f
       LEFT JOIN airports a ON a.name = f.origin LEFT JOIN airports b ON b.name = f.destination`,
      path,
    );
    const { columns } = await readFloats(tables, path, [...FEATURES, 'target']);
    const target = Float64Array.from(columns.at(-1) ?? []);
    const cut = Math.floor(rows * 0.8);
    const part = (from: number, to: number): Parameters<typeof fitGbdt>[0] => ({
      features: {
        rows: to - from,
        columns: FEATURES.map((name, at) => ({
          name,
          values: (columns[at] as Float32Array).slice(from, to),
        })),
      },
      target: target.slice(from, to),
    });
    const [training, test] = [part(0, cut), part(cut, rows)];
    const started = performance.now();
    const options = {
      task: 'binary',
      classes: 2,
      maxIterations: 100,
      learningRate: 0.1,
      maxLeafNodes: 31,
      maxDepth: 64,
      minSamplesLeaf: 20,
      l2: 0,
      noChangeIterations: undefined,
    } as const;
    const { model } = fitGbdt(training, undefined, options, () => {});
    const ours = (performance.now() - started) / 1000;
    const auc = rankingCurves(
      predictGbdt(model, test.features)[0] as Float32Array,
      Uint8Array.from(test.target),
    ).rocAuc;
    const peer = spawnSync(python, [join(import.meta.dirname, 'gbdt_peer.py'), path, String(cut)], {
      encoding: 'utf8',
      env: { ...process.env, OMP_NUM_THREADS: '2' },
    });
    console.log({
      rows,
      ours: { seconds: Number(ours.toFixed(2)), auc: Number(auc.toFixed(4)) },
      peer: peer.status === 0 ? JSON.parse(peer.stdout) : peer.stderr.split('\n').at(-2),
    });
  }
} finally {
  rmSync(tmp, { recursive: true });
}

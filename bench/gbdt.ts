import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Examples, fitGbdt } from '../src/learn/gbdt/fit-gbdt.ts';
import { predictGbdt } from '../src/learn/gbdt/predict-gbdt.ts';
import { rankingCurves } from '../src/learn/metrics/ranking.ts';
import { readFloats } from '../src/tables/read-columns.ts';
import { Tables } from '../src/tables/tables.ts';

/**
 * Boosted trees beside scikit-learn's HistGradientBoosting: the same rows and features, 100 iterations, 31
 * leaves, 255 bins, 2 threads. `npm run bench:gbdt -- PYTHON` with a Python that has scikit-learn, pandas and pyarrow.
 */
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');
const FEATURES = ['month', 'day', 'weekday', 'minute', 'distance', 'origin', 'destination'];

const THREADS = 2;
/** Of so many fits each, by turns, the fastest counts: others may work on the machine. */
const REPETITIONS = 3;

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
    const part = (from: number, to: number): Examples => ({
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
    const fits: Fit[] = [];
    const peers: Fit[] = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      fits.push(await fitOurs(training, test));
      peers.push(fitPeer(path, cut));
    }
    const [ours, peer] = [fastest(fits), fastest(peers)];
    console.log({
      rows,
      ours,
      peer,
      ratio: Number((ours.seconds / peer.seconds).toFixed(2)),
      load: loadavg(),
    });
  }
} finally {
  rmSync(tmp, { recursive: true });
}

interface Fit {
  readonly seconds: number;
  readonly auc: number;
}

async function fitOurs(training: Examples, test: Examples): Promise<Fit> {
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
    threads: THREADS,
  } as const;
  const { model } = await fitGbdt(training, undefined, options, () => {});
  const seconds = (performance.now() - started) / 1000;
  const scores = predictGbdt(model, test.features)[0] as Float32Array;
  const { rocAuc } = rankingCurves(scores, Uint8Array.from(test.target));
  return { seconds: Number(seconds.toFixed(2)), auc: Number(rocAuc.toFixed(4)) };
}

/** OpenBLAS is left to itself: what this machine may set for it slows it down. */
function fitPeer(path: string, cut: number): Fit {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  const peer = spawnSync(python, [join(import.meta.dirname, 'gbdt_peer.py'), path, String(cut)], {
    encoding: 'utf8',
    env: { ...env, OMP_NUM_THREADS: String(THREADS) },
  });
  if (peer.status !== 0) throw new Error(peer.stderr);
  return JSON.parse(peer.stdout) as Fit;
}

function fastest(fits: readonly Fit[]): Fit {
  return fits.toSorted((a, b) => a.seconds - b.seconds)[0] as Fit;
}

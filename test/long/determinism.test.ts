import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runStep } from '../../src/step/run-step.ts';
import { Tables } from '../../src/tables/tables.ts';

const STEPS = join(import.meta.dirname, '../../steps');
/** Three row groups, so that threads share the work. */
const ROWS = 300_000;
const THREADS = [1, 2, 4] as const;

/** Folders of outputs by `step/threads`. */
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'stockpot-'));
  await using tables = await Tables.open({ threads: 2, tmp: root });
  const rows = `SELECT
      round(sin(i * 1.7) * 1000, 3) AS a,
      CASE WHEN hash(i) % 50 <> 0 THEN (hash(i, 1) % 97)::INTEGER END AS b,
      (['x', 'y', 'z', 'it''s'])[1 + (hash(i, 2) % 4)::INTEGER] AS c,
      'k' || (hash(i, 3) % 300) AS d,
      TIMESTAMP '2024-01-01' + INTERVAL (hash(i, 4) % 500000) MINUTE AS t,
      (sin(i * 1.7) * 3 + (hash(i, 1) % 97)::DOUBLE / 30 + (hash(i, 5) % 100)::DOUBLE / 40) AS number,
      (['low', 'mid', 'top'])[1 + least(2, (greatest(0, sin(i * 1.7) * 2 + (hash(i, 5) % 100)::DOUBLE / 90)))::INTEGER] AS grade,
      sin(i * 1.7) * 2 + (hash(i, 5) % 100)::DOUBLE / 50 > 1 AS yes
    FROM range(${ROWS}) r(i)`;
  await tables.run(`COPY (${rows}) TO '${join(root, 'rows.csv')}' (FORMAT csv, HEADER true)`);
  await tables.run(`COPY (${rows}) TO '${join(root, 'rows.parquet')}' (FORMAT parquet)`);
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Job {
  readonly component: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Input names and paths below the root: of another job, its outputs with one thread. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: readonly string[];
}

const splits = (job: string): Record<string, string> =>
  Object.fromEntries(['training', 'validation', 'test'].map((one) => [one, `${job}/1/${one}.parquet`]));
const SPLIT_FILES = ['training.parquet', 'validation.parquet', 'test.parquet'];
const features = (job: string): Record<string, string> => {
  const { training = '', validation = '' } = splits(job);
  return { training, validation, transformer: `${job}/1/transformer.json` };
};
const TRAINED = ['model', 'history.json', 'importance.json'];
const judged = (job: string): Record<string, string> => ({
  model: `${job}/1/model`,
  ...splits('split-hash'),
});
const JUDGED = ['metrics.json', 'verdict.json', 'report.json'];

/** In the order in which they need each other. */
const JOBS: Readonly<Record<string, Job>> = {
  'ingest-csv': {
    component: 'ingest',
    inputs: { source: 'rows.csv' },
    outputs: ['data.parquet', 'profile.json'],
  },
  'ingest-parquet': {
    component: 'ingest',
    inputs: { source: 'rows.parquet' },
    config: { derive: { e: 'a * b' } },
    outputs: ['data.parquet', 'profile.json'],
  },
  'split-hash': {
    component: 'split',
    inputs: { data: 'ingest-csv/1/data.parquet' },
    config: { target_col: 'yes', training_fraction: 0.9 },
    outputs: [...SPLIT_FILES, 'summary.json'],
  },
  'split-time': {
    component: 'split',
    inputs: { data: 'ingest-csv/1/data.parquet' },
    config: { using: 'time', column: 't' },
    outputs: [...SPLIT_FILES, 'summary.json'],
  },
  'split-exact': {
    component: 'split',
    inputs: { data: 'ingest-csv/1/data.parquet' },
    config: { stratify: 'exact', target_col: 'grade' },
    outputs: [...SPLIT_FILES, 'summary.json'],
  },
  'transform-number': {
    component: 'transform',
    inputs: splits('split-hash'),
    config: { task: 'regression', target_col: 'number' },
    outputs: [...SPLIT_FILES, 'transformer.json'],
  },
  'transform-yes': {
    component: 'transform',
    inputs: splits('split-hash'),
    config: { task: 'classification', target_col: 'yes' },
    outputs: [...SPLIT_FILES, 'transformer.json'],
  },
  'transform-grade': {
    component: 'transform',
    inputs: splits('split-hash'),
    config: { task: 'classification', target_col: 'grade', using: 'none' },
    outputs: [...SPLIT_FILES, 'transformer.json'],
  },
  'train-number': {
    component: 'train',
    inputs: features('transform-number'),
    config: { max_iterations: 3 },
    outputs: TRAINED,
  },
  'train-yes': {
    component: 'train',
    inputs: features('transform-yes'),
    config: { max_iterations: 3 },
    outputs: TRAINED,
  },
  'train-grade': {
    component: 'train',
    inputs: features('transform-grade'),
    config: { max_iterations: 2 },
    outputs: TRAINED,
  },
  'train-linear': {
    component: 'train',
    inputs: features('transform-number'),
    config: { using: 'linear' },
    outputs: TRAINED,
  },
  'train-logistic': {
    component: 'train',
    inputs: features('transform-yes'),
    config: { using: 'logistic', max_iterations: 3 },
    outputs: TRAINED,
  },
  'evaluate-number': { component: 'evaluate', inputs: judged('train-number'), outputs: JUDGED },
  'evaluate-yes': {
    component: 'evaluate',
    inputs: { ...judged('train-yes'), champion: 'train-logistic/1/model' },
    config: { validation_criteria: [{ metric: 'roc_auc', against: 'champion' }] },
    outputs: JUDGED,
  },
  'evaluate-grade': { component: 'evaluate', inputs: judged('train-grade'), outputs: JUDGED },
  score: {
    component: 'score',
    inputs: { model: 'train-grade/1/model', data: 'ingest-csv/1/data.parquet' },
    outputs: ['predictions.parquet'],
  },
  sql: {
    component: 'sql',
    inputs: { p: 'ingest-csv/1/data.parquet', q: 'score/1/predictions.parquet' },
    config: {
      sql: 'SELECT p.d, q.predicted_label, count(*) AS n, avg(p.number) AS mean, sum(p.a) AS total FROM p JOIN q USING (__row) GROUP BY ALL',
    },
    outputs: ['data.parquet'],
  },
};

describe('the same bytes with 1, 2 and 4 threads', () => {
  test.each(Object.keys(JOBS))(
    '%s',
    async (name) => {
      const digests: Record<string, string>[] = [];
      for (const threads of THREADS) digests.push(await carryOut(name, JOBS[name] as Job, threads));
      expect(Object.keys(digests[0] ?? {}).length).toBeGreaterThanOrEqual(JOBS[name]?.outputs.length ?? 1);
      expect(digests[1]).toEqual(digests[0]);
      expect(digests[2]).toEqual(digests[0]);
    },
    120_000,
  );
});

/** Runs the component's own program with a step file; gives the digest of every file it wrote. */
async function carryOut(name: string, job: Job, threads: number): Promise<Record<string, string>> {
  const out = join(root, name, String(threads));
  const tmp = join(out, 'tmp');
  mkdirSync(tmp, { recursive: true });
  const entry = join(STEPS, job.component, 'run.ts');
  const { step } = (await import(entry)) as { step: { outputs: Record<string, { path: string }> } };
  const outputs = Object.fromEntries(
    Object.entries(step.outputs).map(([key, { path }]) => [
      key,
      { path: join(out, path), kind: 'file' as const },
    ]),
  );
  const inputs = Object.fromEntries(
    Object.entries(job.inputs).map(([key, path]) => [
      key,
      { path: join(root, path), kind: 'file', digest: key },
    ]),
  );
  await runStep(
    step,
    {
      v: 1,
      step: name,
      config: (job.config ?? {}) as never,
      inputs,
      outputs,
      seed: 7,
      threads,
      report: join(tmp, 'report.jsonl'),
      tmp,
    },
    entry,
  );
  rmSync(tmp, { recursive: true });
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).toSorted();
  return Object.fromEntries(
    files
      .filter((file) => statSync(join(out, file)).isFile())
      .map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(out, file)))
          .digest('hex'),
      ]),
  );
}

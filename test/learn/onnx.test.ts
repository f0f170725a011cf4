import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Column, Columns } from '../../src/core/columns.ts';
import { fitGbdt } from '../../src/learn/gbdt/fit-gbdt.ts';
import { fitLinear } from '../../src/learn/linear/fit-linear.ts';
import type { Model, Task } from '../../src/learn/model.ts';
import { openModel, type Scores, writeModelDirectory } from '../../src/learn/model-directory.ts';
import { applyTransformer } from '../../src/learn/transformer/apply-transformer.ts';
import { CALENDAR_PARTS, type Target, type Transformer } from '../../src/learn/transformer/transformer.ts';

const ROWS = 3000;

/** Whole numbers that look random and are the same each time. */
function* numbers(): Generator<number, never> {
  let state = 12_345;
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield (state >>> 8) / 2 ** 24;
  }
}

function rows(): Columns {
  const next = numbers();
  const draw = (): number => next.next().value;
  const number = (
    name: string,
    type: 'float' | 'integer' | 'boolean' | 'date',
    value: () => number,
  ): Column => ({
    name,
    type,
    values: Float64Array.from({ length: ROWS }, value),
  });
  const dictionary = ['ATL', 'JFK', 'LAX', 'never seen'];
  return {
    rows: ROWS,
    columns: [
      number('size', 'float', () => (draw() < 0.1 ? Number.NaN : draw() * 100 - 50)),
      number('count', 'integer', () => Math.floor(draw() * 1000)),
      number('on', 'boolean', () => (draw() < 0.5 ? 0 : 1)),
      number('at', 'date', () => Math.floor((draw() - 0.5) * 6e12)),
      {
        name: 'place',
        type: 'text',
        codes: Int32Array.from({ length: ROWS }, () => Math.floor(draw() * 5) - 1),
        dictionary,
      },
    ],
  };
}

function transformerFor(task: Task): Transformer {
  const target: Target = {
    column: 'y',
    type: task === 'binary' ? 'boolean' : task === 'multiclass' ? 'text' : 'float',
    task,
    ...(task === 'regression' ? {} : { classes: task === 'binary' ? ['false', 'true'] : ['a', 'b', 'c'] }),
  };
  return {
    v: 1,
    inputs: [
      { name: 'size', type: 'float', nullable: true },
      { name: 'count', type: 'integer', nullable: false },
      { name: 'on', type: 'boolean', nullable: false },
      { name: 'at', type: 'date', nullable: false },
      { name: 'place', type: 'text', nullable: true },
    ],
    target,
    features: [
      { name: 'size', op: 'number', column: 'size' },
      { name: 'size scaled', op: 'scale', column: 'size', fill: 1.5, mean: 3.25, std: 28.7 },
      { name: 'count', op: 'scale', column: 'count', fill: 0, mean: 500.3, std: 290.1 },
      { name: 'on', op: 'number', column: 'on' },
      { name: 'place=JFK', op: 'one-hot', column: 'place', value: 'JFK' },
      {
        name: 'place.frequency',
        op: 'frequency',
        column: 'place',
        shares: [
          ['ATL', Math.fround(0.2)],
          ['LAX', Math.fround(0.7)],
        ],
      },
      ...CALENDAR_PARTS.map((part) => ({ name: `at.${part}`, op: 'calendar' as const, column: 'at', part })),
    ],
    dropped: [],
  };
}

function fit(task: Task, kind: 'gbdt' | 'linear', transformer: Transformer, columns: Columns): Model {
  const features = applyTransformer(transformer, columns);
  const size = features.columns[1]?.values ?? new Float32Array(0);
  const place = features.columns[4]?.values ?? new Float32Array(0);
  const target = Float64Array.from(size, (value, row) => {
    const raw = value * 2 + (place[row] ?? 0) * 3 + Math.sin(row);
    return task === 'regression'
      ? raw
      : task === 'binary'
        ? raw > 0.3
          ? 1
          : 0
        : raw < -1
          ? 0
          : raw < 1
            ? 1
            : 2;
  });
  const classes = task === 'multiclass' ? 3 : task === 'binary' ? 2 : 1;
  if (kind === 'linear')
    return fitLinear({ features, target }, { task, classes, l2: 1e-3, maxIterations: 30 }, () => {});
  const options = {
    task,
    classes,
    maxIterations: 20,
    learningRate: 0.3,
    maxLeafNodes: 15,
    maxDepth: 64,
    minSamplesLeaf: 5,
    l2: 0,
    noChangeIterations: undefined,
  };
  return fitGbdt({ features, target }, undefined, options, () => {}).model;
}

async function runOnnx(path: string, { columns, rows: count }: Columns): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(path);
  const feeds = Object.fromEntries(
    columns.map((column): [string, Tensor] => {
      if (column.type === 'text') {
        const texts = Array.from(column.codes, (code) =>
          code === -1 ? '' : (column.dictionary[code] ?? ''),
        );
        return [column.name, new Tensor('string', texts, [count])];
      }
      if (column.type === 'float')
        return [column.name, new Tensor('float32', Float32Array.from(column.values), [count])];
      if (column.type === 'boolean')
        return [column.name, new Tensor('bool', Uint8Array.from(column.values), [count])];
      return [column.name, new Tensor('int64', BigInt64Array.from(column.values, BigInt), [count])];
    }),
  );
  return session.run(feeds);
}

/** The first row that differs by more than a relative 1e-5; near 0, where terms cancel in float32, 1e-6. */
function firstDifference(ours: Float32Array, theirs: ArrayLike<number>): object | undefined {
  for (let row = 0; row < ours.length; row += 1) {
    const [a, b] = [ours[row] as number, theirs[row] as number];
    if (Math.abs(a - b) > 1e-5 * Math.max(Math.abs(a), Math.abs(b), 0.1)) return { row, ours: a, theirs: b };
  }
  return undefined;
}

describe('onnxruntime gives what Stockpot gives, from raw rows', () => {
  test.each([
    ['gbdt', 'regression'],
    ['gbdt', 'binary'],
    ['gbdt', 'multiclass'],
    ['linear', 'regression'],
    ['linear', 'binary'],
    ['linear', 'multiclass'],
  ] as const)('%s, %s', async (kind, task) => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    try {
      const columns = rows();
      const transformer = transformerFor(task);
      writeModelDirectory(dir, { transformer, model: fit(task, kind, transformer, columns) });
      const ours: Scores = openModel(dir).score(columns);
      const theirs = await runOnnx(join(dir, 'model.onnx'), columns);
      const names = (
        JSON.parse(
          (parse(readFileSync(join(dir, 'MLmodel'), 'utf8')) as { signature: { outputs: string } }).signature
            .outputs,
        ) as { name: string }[]
      ).map(({ name }) => name);
      expect(Object.keys(theirs)).toEqual(names);
      if (ours.kind === 'regression') {
        expect(firstDifference(ours.prediction, theirs['prediction']?.data as Float32Array)).toBeUndefined();
        return;
      }
      const classes = transformer.target.classes ?? [];
      const labels = Array.from(theirs['predicted_label']?.data as ArrayLike<string | number>, (label) =>
        task === 'binary' ? (Number(label) === 1 ? 'true' : 'false') : String(label),
      );
      expect(Array.from(ours.labels, (k) => classes[k])).toEqual(labels);
      for (const [k, name] of classes.entries())
        expect(
          firstDifference(
            ours.probabilities[k] as Float32Array,
            theirs[`predicted_score_${name}`]?.data as Float32Array,
          ),
        ).toBeUndefined();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Columns } from '../../src/core/columns.ts';
import type { Model } from '../../src/learn/model.ts';
import type { Scores } from '../../src/learn/model-answer.ts';
import { writeModelDirectory } from '../../src/learn/model-directory.ts';
import { openModel } from '../../src/learn/open-model.ts';
import type { Transformer } from '../../src/learn/transformer/transformer.ts';
import { fitModel, rawRows, transformerFor } from '../rigs/model-rig.ts';

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
      const whole = BigInt64Array.from(column.values, (value) =>
        Number.isNaN(value) ? -(2n ** 63n) : BigInt(value),
      );
      return [column.name, new Tensor('int64', whole, [count])];
    }),
  );
  return session.run(feeds);
}

/** The first row that differs by more than a relative 1e-6, however small the number. */
function firstDifference(ours: Float32Array, theirs: ArrayLike<number>): object | undefined {
  for (let row = 0; row < ours.length; row += 1) {
    const [a, b] = [ours[row] as number, theirs[row] as number];
    if (!(Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b)))) return { row, ours: a, theirs: b };
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
      const columns = rawRows(kind);
      const transformer = transformerFor(task);
      writeModelDirectory(dir, { transformer, model: await fitModel(task, kind, transformer, columns) });
      const ours: Scores = await (await openModel(dir)).score(columns);
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

describe('a model of one column', () => {
  test('also takes a matrix of one column, as MLflow hands it over', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    try {
      const transformer: Transformer = {
        v: 1,
        inputs: [{ name: 'size', type: 'float', nullable: true }],
        target: { column: 'y', type: 'float', task: 'regression' },
        features: [{ name: 'size', op: 'number', column: 'size' }],
        dropped: [],
      };
      const model: Model = {
        kind: 'linear',
        task: 'regression',
        outputs: 1,
        features: [{ name: 'size' }],
        coefficients: [Float64Array.of(2)],
        intercept: [1],
      };
      writeModelDirectory(dir, { transformer, model });
      const session = await InferenceSession.create(join(dir, 'model.onnx'));
      for (const dims of [[3], [3, 1]]) {
        const { prediction } = await session.run({
          size: new Tensor('float32', Float32Array.of(1, 2, Number.NaN), dims),
        });
        expect({
          dims: (prediction as Tensor).dims,
          values: Array.from((prediction as Tensor).data as Float32Array),
        }).toEqual({
          dims: [3],
          values: [3, 5, 1],
        });
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

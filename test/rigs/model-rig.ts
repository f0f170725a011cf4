import type { Column, Columns, ColumnType } from '../../src/core/columns.ts';
import { fitGbdt } from '../../src/learn/gbdt/fit-gbdt.ts';
import { fitLinear } from '../../src/learn/linear/fit-linear.ts';
import type { Model, Task } from '../../src/learn/model.ts';
import { CALENDAR_PARTS, type Target, type Transformer } from '../../src/learn/transformer/transformer.ts';
import { featuresOf } from './feature-rig.ts';

/** More than two blocks of a graph's run. */
const ROWS = 5000;

/** Raw rows with every type of column: missing values, infinities, texts never seen, names like a graph's own. */
export function rawRows(kind: 'gbdt' | 'linear'): Columns {
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
      number('size', 'float', () => {
        if (draw() < 0.1) return Number.NaN;
        if (kind === 'gbdt' && draw() < 0.02) return draw() < 0.5 ? -Infinity : Infinity;
        return draw() * 100 - 50;
      }),
      number('c1', 'integer', () => Math.floor(draw() * 1000)),
      number('v0', 'boolean', () => (draw() < 0.5 ? 0 : 1)),
      number('at', 'date', () => (draw() < 0.05 ? Number.NaN : Math.floor((draw() - 0.5) * 6e12))),
      {
        name: 'place',
        type: 'text',
        codes: Int32Array.from({ length: ROWS }, () => Math.floor(draw() * 5) - 1),
        dictionary,
      },
    ],
  };
}

/** One feature of each operation; `type` is that of the target. */
export function transformerFor(
  task: Task,
  type: ColumnType = task === 'regression' ? 'float' : task === 'binary' ? 'boolean' : 'text',
): Transformer {
  const labels =
    type === 'boolean' ? ['false', 'true'] : type === 'integer' ? ['-1', '7', '30'] : ['a', 'b', 'c'];
  const target: Target = {
    column: 'y',
    type,
    task,
    ...(task === 'regression' ? {} : { classes: labels.slice(0, task === 'binary' ? 2 : 3) }),
  };
  return {
    v: 1,
    inputs: [
      { name: 'size', type: 'float', nullable: true },
      { name: 'c1', type: 'integer', nullable: false },
      { name: 'v0', type: 'boolean', nullable: false },
      { name: 'at', type: 'date', nullable: false },
      { name: 'place', type: 'text', nullable: true },
    ],
    target,
    features: [
      { name: 'size', op: 'number', column: 'size' },
      { name: 'size scaled', op: 'scale', column: 'size', fill: 1.5, mean: 3.25, std: 28.7 },
      { name: 'c1', op: 'scale', column: 'c1', fill: 0, mean: 500.3, std: 290.1 },
      { name: 'v0', op: 'number', column: 'v0' },
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

/** A model fitted on a target made of two of the features. */
export async function fitModel(
  task: Task,
  kind: 'gbdt' | 'linear',
  transformer: Transformer,
  columns: Columns,
): Promise<Model> {
  const features = featuresOf(transformer, columns);
  const size = features.columns[1]?.values ?? new Float32Array(0);
  const place = features.columns[4]?.values ?? new Float32Array(0);
  const target = Float64Array.from(size, (value, row) => {
    const raw = Math.max(-5, Math.min(5, value)) * 2 + (place[row] ?? 0) * 3 + Math.sin(row);
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
    threads: 1,
  };
  const { model } = await fitGbdt({ features, target }, undefined, options, () => {});
  return model;
}

/** Whole numbers that look random and are the same each time. */
function* numbers(): Generator<number, never> {
  let state = 12_345;
  for (;;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield (state >>> 8) / 2 ** 24;
  }
}

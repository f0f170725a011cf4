import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  double,
  float,
  integer,
  record,
  tuple,
} from 'fast-check';
import { expect, test } from 'vitest';
import type { Column, Columns } from '../../src/core/columns.ts';
import type { Model, Task, Tree } from '../../src/learn/model.ts';
import { openForeignGraph } from '../../src/learn/onnx/foreign-graph.ts';
import { modelGraph } from '../../src/learn/onnx/model-graph.ts';
import { readGraph } from '../../src/learn/onnx/read-graph.ts';
import { compileGraph } from '../../src/learn/onnx/run-graph.ts';
import type { Tensor } from '../../src/learn/onnx/tensor.ts';
import { CALENDAR_PARTS, type Feature, type Transformer } from '../../src/learn/transformer/transformer.ts';

const TEXTS = ['a', 'A', '', 'Zürich', '日本', 'never seen'];
/** Values that rows and thresholds are likely to share. */
const MEETING = [0, 1, 2.5] as const;
const DAY_MS = 86_400_000;
const FLOATS = { noNaN: true, min: -1e6, max: 1e6 } as const;

/** Each operation on each type of column that it takes. */
const FEATURES: readonly Arbitrary<readonly Feature[]>[] = [
  ...['size', 'count', 'known', 'flag'].map((column) =>
    constant([{ name: column, op: 'number', column } as const]),
  ),
  ...['size', 'count', 'known'].map((column) =>
    record({
      name: constant(`${column} scaled`),
      op: constant('scale' as const),
      column: constant(column),
      fill: float(FLOATS),
      mean: float(FLOATS),
      std: float({ noNaN: true, min: Math.fround(0.01), max: 1000 }),
    }).map((feature) => [feature]),
  ),
  constantFrom(...TEXTS).map((value) => [{ name: 'one', op: 'one-hot', column: 'place', value }]),
  array(float({ noNaN: true, min: 0, max: 1 }), { minLength: 1, maxLength: 5 }).map((shares) => [
    {
      name: 'share',
      op: 'frequency',
      column: 'place',
      shares: shares.map((share, at) => [TEXTS[at] ?? '', share] as const),
    },
  ]),
  constant(
    CALENDAR_PARTS.map((part) => ({ name: `at.${part}`, op: 'calendar' as const, column: 'at', part })),
  ),
];

const INPUTS: Transformer['inputs'] = [
  { name: 'size', type: 'float', nullable: true },
  { name: 'count', type: 'integer', nullable: true },
  { name: 'known', type: 'integer', nullable: false },
  { name: 'flag', type: 'boolean', nullable: false },
  { name: 'at', type: 'date', nullable: false },
  { name: 'place', type: 'text', nullable: true },
];

const transformers = tuple(
  constantFrom<[Task, Transformer['target']['type'], readonly string[]]>(
    ['regression', 'float', []],
    ['binary', 'boolean', ['false', 'true']],
    ['binary', 'integer', ['-3', '12']],
    ['multiclass', 'text', ['b', 'a', '']],
    ['multiclass', 'integer', ['1', '0', '2', '-1']],
  ),
  array(integer({ min: 0, max: FEATURES.length - 1 }), { minLength: 1, maxLength: 5 }).chain((chosen) =>
    tuple(...chosen.map((at) => FEATURES[at] as Arbitrary<readonly Feature[]>)),
  ),
).map(([[task, type, classes], features]): Transformer => {
  const all = features.flat().map((feature, at) => ({ ...feature, name: `${feature.name} ${at}` }));
  return {
    v: 1,
    inputs: INPUTS.filter(({ name }) => all.some(({ column }) => column === name)),
    target: { column: 'y', type, task, ...(task === 'regression' ? {} : { classes }) },
    features: all,
    dropped: [],
  };
});

/** Trees of any shape, grown by splitting the leaf that each number says. */
function trees(features: number): Arbitrary<Tree> {
  const split = record({
    leaf: integer({ min: 0, max: 1000 }),
    feature: integer({ min: 0, max: features - 1 }),
    threshold: constantFrom<Arbitrary<number>>(float({ noNaN: true }), constantFrom(...MEETING)).chain(
      (one) => one,
    ),
    missingLeft: boolean(),
  });
  // Trees of more than 32 leaves are walked through.
  const splits = constantFrom(3, 12, 40).chain((maxLength) => array(split, { maxLength, size: 'max' }));
  return tuple(splits, array(float(FLOATS), { minLength: 81, maxLength: 81 })).map(([splits, values]) => {
    const nodes = [{ feature: -1, threshold: 0, left: -1, right: -1, missingLeft: 0 }];
    for (const { leaf, feature, threshold, missingLeft } of splits) {
      const leaves = nodes.filter((node) => node.feature === -1);
      const chosen = leaves[leaf % leaves.length];
      if (chosen === undefined) continue;
      Object.assign(chosen, {
        feature,
        threshold,
        left: nodes.length,
        right: nodes.length + 1,
        missingLeft: Number(missingLeft),
      });
      for (let child = 0; child < 2; child += 1)
        nodes.push({ feature: -1, threshold: 0, left: -1, right: -1, missingLeft: 0 });
    }
    return {
      feature: Int32Array.from(nodes, (node) => node.feature),
      threshold: Float32Array.from(nodes, (node) => node.threshold),
      left: Int32Array.from(nodes, (node) => node.left),
      right: Int32Array.from(nodes, (node) => node.right),
      missingLeft: Uint8Array.from(nodes, (node) => node.missingLeft),
      value: Float32Array.from(nodes, (node, at) => (node.feature === -1 ? (values[at] as number) : 0)),
    };
  });
}

function models({ features, target }: Transformer): Arbitrary<Model> {
  const { task, classes = [] } = target;
  const outputs = task === 'multiclass' ? classes.length : 1;
  const same = { task: constant(task), outputs: constant(outputs), features: constant(features) };
  const each = <T>(one: Arbitrary<T>): Arbitrary<T[]> =>
    array(one, { minLength: outputs, maxLength: outputs });
  const small = float({ noNaN: true, min: -10, max: 10 });
  const gbdt = record({
    kind: constant('gbdt' as const),
    ...same,
    trees: array(each(trees(features.length)), { minLength: 1, maxLength: 3 }),
  });
  const linear = record({
    kind: constant('linear' as const),
    ...same,
    coefficients: each(
      array(small, { minLength: features.length, maxLength: features.length }).map((all) =>
        Float64Array.from(all),
      ),
    ),
    intercept: each(small),
  });
  return constantFrom('gbdt', 'linear').chain((kind): Arbitrary<Model> => (kind === 'gbdt' ? gbdt : linear));
}

const rows = array(
  record({
    size: constantFrom<Arbitrary<number>>(
      double(),
      float(FLOATS),
      constantFrom(...MEETING, Number.NaN),
    ).chain((one) => one),
    count: constantFrom<Arbitrary<number>>(integer(), constant(Number.NaN)).chain((one) => one),
    known: integer(),
    flag: constantFrom(0, 1),
    at: constantFrom<Arbitrary<number>>(
      integer({ min: -8e12, max: 8e12 }),
      integer({ min: -2e15, max: 8e15 }),
      // A moment before midnight, where a quotient is nearly whole.
      integer({ min: -2e7, max: 9e7 }).map((day) => day * DAY_MS - 1),
      constant(Number.NaN),
    ).chain((one) => one),
    place: integer({ min: -1, max: TEXTS.length - 1 }),
  }),
  { minLength: 1, maxLength: 30 },
);

function columnsOf(all: readonly Record<string, number>[]): Columns {
  return {
    rows: all.length,
    columns: INPUTS.map(({ name, type }): Column => {
      const values = all.map((one) => one[name] as number);
      return type === 'text'
        ? { name, type, codes: Int32Array.from(values), dictionary: TEXTS }
        : { name, type, values: Float64Array.from(values) };
    }),
  };
}

function listOf(tensor: Tensor | undefined): (number | string)[] {
  if (tensor?.type === 'string')
    return Array.from(tensor.codes, (code) => (code === -1 ? '' : (tensor.dictionary[code] as string)));
  return [...(tensor?.columns[0] ?? [])];
}

/** Of floats, what exponentials and the order of sums may make different. */
function isEqual(ours: number | string, theirs: number | string): boolean {
  if (typeof ours === 'string' || typeof theirs === 'string') return ours === theirs;
  return (
    Object.is(ours, theirs) ||
    ours === theirs ||
    Math.abs(ours - theirs) <= 1e-6 * Math.max(Math.abs(ours), Math.abs(theirs))
  );
}

test('any model says of any rows what it says in onnxruntime', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    const path = join(dir, 'model.onnx');
    const cases = transformers.chain((transformer) =>
      tuple(constant(transformer), models(transformer), rows),
    );
    await assert(
      asyncProperty(cases, async ([transformer, model, all]) => {
        const bytes = modelGraph(transformer, model);
        writeFileSync(path, bytes);
        const graph = readGraph(bytes);
        const columns = columnsOf(all);
        const ours = compileGraph(graph)(columns);
        const theirs = await (await openForeignGraph(dir, path, graph))?.run(columns);
        expect([...ours.keys()]).toEqual(graph.outputs.map(({ name }) => name));
        for (const [name, tensor] of ours) {
          const [mine, other] = [listOf(tensor), listOf(theirs?.get(name))];
          const exact = tensor.type !== 'float' || (model.kind === 'gbdt' && model.task === 'regression');
          const differing = mine.findIndex((value, row) =>
            exact ? value !== other[row] : !isEqual(value, other[row] ?? Number.NaN),
          );
          expect({ name, rows: mine.length, differing, mine: mine[differing] }).toEqual({
            name,
            rows: other.length,
            differing: -1,
            mine: other[differing],
          });
        }
      }),
      { numRuns: 200 },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

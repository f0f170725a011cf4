import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/learn/gbdt/allocate.ts';
import { Crew } from '../../src/learn/gbdt/crew.ts';
import { type Examples, fitGbdt, type GbdtOptions } from '../../src/learn/gbdt/fit-gbdt.ts';
import { blocksOf } from '../../src/learn/gbdt/fit-memory.ts';
import type { Task } from '../../src/learn/model.ts';

const OPTIONS = {
  task: 'binary',
  classes: 2,
  maxIterations: 6,
  learningRate: 0.3,
  maxLeafNodes: 31,
  maxDepth: 64,
  minSamplesLeaf: 20,
  l2: 0,
  noChangeIterations: undefined,
  threads: 4,
} as const satisfies GbdtOptions;

describe('a fit does not depend on the number of threads', () => {
  test('model, importance and history are the same to the last bit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 1, max: 1e6 }),
          rows: fc.integer({ min: 20_000, max: 60_000 }),
          features: fc.integer({ min: 1, max: 13 }),
          task: fc.constantFrom<Task>('regression', 'binary', 'multiclass'),
          isWeighted: fc.boolean(),
          minSamplesLeaf: fc.integer({ min: 1, max: 100 }),
        }),
        async ({ seed, rows, features, task, isWeighted, minSamplesLeaf }) => {
          const training = examples(seed, rows, features, task, isWeighted);
          const validation = examples(seed + 1, 10_000, features, task, isWeighted);
          const fits: string[] = [];
          for (const threads of [1, 2, 4]) {
            const options = { ...OPTIONS, task, classes: CLASSES[task], minSamplesLeaf, threads };
            const { model, importance, history } = await fitGbdt(training, validation, options, () => {});
            fits.push(JSON.stringify([model, importance, history]));
          }
          expect(fits[1]).toBe(fits[0]);
          expect(fits[2]).toBe(fits[0]);
        },
      ),
      { numRuns: 8 },
    );
  });

  test('other threads do their share, whatever they do the sums are the same', async () => {
    const training = examples(1, 60_000, 5, 'binary', false);
    await using crew = Crew.start(4);
    const memory = allocate(training, undefined, 'binary', [0.25], { ...OPTIONS, minHessian: 1e-3 });
    crew.share(memory);
    const blocks = blocksOf(memory.rows);
    crew.run('derive', blocks);
    const alone = memory.sums.slice();
    // Threads join when they have started: there is work for them until then.
    while (crew.helped < 100) {
      memory.sums.fill(0);
      crew.run('derive', blocks);
      expect(memory.sums).toEqual(alone);
    }
  });
});

describe('the threads of a fit end with it', () => {
  test.each([
    ['when it is done', '() => {}'],
    ['when it throws', "() => { throw new Error('enough') }"],
  ])('%s', (_, onIteration) => {
    const script = `
      import { fitGbdt } from ${JSON.stringify(join(import.meta.dirname, '../../src/learn/gbdt/fit-gbdt.ts'))};
      const values = Float32Array.from({ length: 40000 }, (_, row) => Math.sin(row));
      const features = { rows: 40000, columns: [{ name: 'x', values }] };
      const target = Float64Array.from(values, (value) => (value > 0.3 ? 1 : 0));
      const fit = fitGbdt({ features, target }, undefined, ${JSON.stringify(OPTIONS)}, ${onIteration});
      console.log(await fit.then(({ model }) => model.trees.length, (error) => error.message));
    `;
    const args = ['--conditions=stockpot-source', '--input-type=module', '--eval', script];
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
    expect(output).toBe(onIteration === '() => {}' ? '6\n' : 'enough\n');
  });
});

const CLASSES = { regression: 1, binary: 2, multiclass: 3 };

/** Rows with missing values, few and many distinct values, and a target made of them and of noise. */
function examples(seed: number, rows: number, count: number, task: Task, isWeighted: boolean): Examples {
  const draw = numbers(seed);
  const columns = Array.from({ length: count }, (_, feature) => ({
    name: `f${feature}`,
    values: Float32Array.from({ length: rows }, () => {
      const value = draw();
      if (feature % 3 === 1 && value < 0.1) return Number.NaN;
      return feature % 2 === 0 ? value : Math.floor(value * 7);
    }),
  }));
  const target = Float64Array.from({ length: rows }, (_, row) => {
    let raw = draw();
    for (const { values } of columns) raw += Math.sin(3 * (values[row] as number)) || 0.4;
    return task === 'regression' ? raw : Math.max(0, Math.floor(raw)) % CLASSES[task];
  });
  const weight = isWeighted ? Float64Array.from({ length: rows }, () => draw() * 2) : undefined;
  return { features: { rows, columns }, target, weight };
}

/** The same numbers from 0 to under 1 each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

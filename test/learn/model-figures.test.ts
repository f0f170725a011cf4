import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ClassWeight, classFactors, weighClasses } from '../../src/learn/class-weights.ts';
import { type Examples, fitGbdt } from '../../src/learn/gbdt/fit-gbdt.ts';
import { predictGbdt } from '../../src/learn/gbdt/predict-gbdt.ts';
import { fitLinear } from '../../src/learn/linear/fit-linear.ts';
import { rankingCurves } from '../../src/learn/metrics/ranking.ts';
import type { Task } from '../../src/learn/model.ts';
import { figureRows, rowsOf } from '../rigs/figure-rows.ts';

/** A case of `test/python/model-figures.py`, with what scikit-learn fits. */
interface Case {
  readonly task: Task;
  readonly weighted: boolean;
  readonly class_weight?: ClassWeight;
}

interface LinearFigures extends Case {
  readonly kind: 'linear';
  readonly coefficients: readonly (readonly number[])[];
  readonly intercept: readonly number[];
}

interface TreeFigures extends Case {
  readonly kind: 'gbdt';
  readonly says: Readonly<Record<string, number>>;
}

const FIGURES = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/model-figures.json'), 'utf8'),
) as readonly (LinearFigures | TreeFigures)[];

const CLASSES = { regression: 1, binary: 2, multiclass: 3 };

describe("linear models are scikit-learn's: coefficients to a millionth", () => {
  test.each(
    FIGURES.filter((one) => one.kind === 'linear').map((figures) => [nameOf(figures), figures] as const),
  )('%s', (_, figures) => {
    const { task } = figures;
    const rows = weighed(figureRows(2000, false, task), figures);
    const options = { task, classes: CLASSES[task], l2: 2, maxIterations: 100 };
    const { coefficients, intercept } = fitLinear(rows, options, () => {});
    expect(coefficients.length).toBe(figures.coefficients.length);
    for (const [k, theirs] of figures.coefficients.entries())
      for (const [j, coefficient] of theirs.entries())
        expect(Math.abs((coefficients[k]?.[j] ?? Number.NaN) - coefficient)).toBeLessThan(1e-6);
    for (const [k, theirs] of figures.intercept.entries())
      expect(Math.abs((intercept[k] ?? Number.NaN) - theirs)).toBeLessThan(1e-6);
  });
});

/** By how much boosted trees may differ: other edges of bins lead to other trees. A weight left out shows. */
const TOLERANCES: Readonly<Record<string, number>> = {
  rmse: 0.004,
  auc: 0.002,
  accuracy: 0.008,
  log_loss: 0.004,
  mean: 0.003,
};

describe("boosted trees say of rows they have not seen what scikit-learn's say", () => {
  test.each(
    FIGURES.filter((one) => one.kind === 'gbdt').map((figures) => [nameOf(figures), figures] as const),
  )('%s', async (_, figures) => {
    const { task } = figures;
    const rows = figureRows(20_000, true, task);
    const training = weighed(rowsOf(rows, 0, 15_000), figures);
    const test = rowsOf(rows, 15_000, 20_000);
    const options = {
      task,
      classes: CLASSES[task],
      maxIterations: 60,
      learningRate: 0.1,
      maxLeafNodes: 31,
      maxDepth: 64,
      minSamplesLeaf: 20,
      l2: 0,
      noChangeIterations: undefined,
      threads: 2,
    };
    const { model } = await fitGbdt(training, undefined, options, () => {});
    const ours = said(task, predictGbdt(model, test.features), test.target);
    expect(Object.keys(ours)).toEqual(Object.keys(figures.says));
    for (const [name, theirs] of Object.entries(figures.says))
      expect(Math.abs((ours[name] ?? Number.NaN) - theirs)).toBeLessThan(TOLERANCES[name] ?? 0);
  });
});

function nameOf({ task, weighted, class_weight: classWeight }: Case): string {
  return [
    task,
    weighted ? 'rows weigh' : '',
    classWeight === undefined ? '' : `classes weigh ${JSON.stringify(classWeight)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function weighed(
  { features, target, weight }: Examples,
  { task, weighted, class_weight: classWeight }: Case,
): Examples {
  const own = weighted ? weight : undefined;
  if (classWeight === undefined) return { features, target, weight: own };
  const labels = Array.from({ length: CLASSES[task] }, (_, k) => String(k));
  return {
    features,
    target,
    weight: weighClasses(classFactors(classWeight, labels, target, own), target, own),
  };
}

function said(task: Task, scores: readonly Float32Array[], target: Float64Array): Record<string, number> {
  const mean = (of: (row: number) => number): number =>
    target.reduce((sum, _, row) => sum + of(row), 0) / target.length;
  const [first = new Float32Array(0)] = scores;
  const score = (row: number): number => first[row] as number;
  if (task === 'regression')
    return { rmse: Math.sqrt(mean((row) => (score(row) - (target[row] as number)) ** 2)), mean: mean(score) };
  if (task === 'binary') {
    const p = (row: number): number => 1 / (1 + Math.exp(-score(row)));
    return {
      auc: rankingCurves(first, Uint8Array.from(target)).rocAuc,
      log_loss: mean((row) => -Math.log(target[row] === 1 ? p(row) : 1 - p(row))),
      mean: mean(p),
    };
  }
  const shares = (row: number): number[] => {
    const powers = scores.map((one) => Math.exp(one[row] as number));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  };
  return {
    accuracy: mean((row) => (indexOfMost(shares(row)) === target[row] ? 1 : 0)),
    log_loss: mean((row) => -Math.log(shares(row)[target[row] as number] as number)),
    mean: mean((row) => shares(row)[2] as number),
  };
}

function indexOfMost(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

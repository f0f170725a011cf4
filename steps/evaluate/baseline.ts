import { type Answer, classifierReport, regressorReport } from 'stockpot/learn';
import type { Truth } from './judge-split.ts';

/** Metrics on the test rows of the best constant: the training mean, or the training shares of the classes. */
export function baselineMetrics(
  { task, classes = [] }: Answer,
  training: Truth,
  test: Truth,
): Record<string, number> {
  const rows = test.values.length;
  if (task === 'regression') {
    const mean = weightedMean(training, (value) => value);
    return regressorReport(test.values, new Float32Array(rows).fill(mean), test.weight).metrics;
  }
  const shares = classes.map((_, k) => weightedMean(training, (value) => (value === k ? 1 : 0)));
  return classifierReport({
    truth: new Int32Array(test.values),
    labels: new Int32Array(rows).fill(shares.indexOf(Math.max(...shares))),
    probabilities: shares.map((share) => new Float32Array(rows).fill(share)),
    weight: test.weight,
  }).metrics;
}

function weightedMean({ values, weight }: Truth, of: (value: number) => number): number {
  let [sum, total] = [0, 0];
  for (const [row, value] of values.entries()) {
    const w = weight === undefined ? 1 : (weight[row] as number);
    sum += w * of(value);
    total += w;
  }
  return sum / total;
}

import type { Features, LinearModel, Task } from '../model.ts';
import { solveCholesky } from './solve.ts';

export interface LinearOptions {
  readonly task: Task;
  readonly classes: number;
  /** Ridge penalty on the coefficients, not on the intercept. */
  readonly l2: number;
  /** Newton steps at most, of a classification. */
  readonly maxIterations: number;
}

interface Rows {
  readonly features: Features;
  readonly target: Float64Array;
  readonly weight?: Float64Array | undefined;
}

/**
 * Least squares for a regression; logistic regression by Newton's method for classes, for several of them
 * one class at a time until none moves. Missing values count as 0.
 */
export function fitLinear(
  { features, target, weight }: Rows,
  options: LinearOptions,
  onIteration: (iteration: number, loss: number) => void,
): LinearModel {
  const columns = features.columns.map(({ values }) =>
    values.map((value) => (Number.isNaN(value) ? 0 : value)),
  );
  const outputs = options.task === 'multiclass' ? options.classes : 1;
  const coefficients = Array.from({ length: outputs }, () => new Float64Array(columns.length + 1));
  if (options.task === 'regression') {
    const first = coefficients[0] as Float64Array;
    const ones = new Float64Array(features.rows).fill(1);
    first.set(
      newtonStep(
        columns,
        (row) => weightOf(weight, row),
        (row) => weightOf(weight, row) * (target[row] as number),
        ones,
        new Float64Array(columns.length + 1),
        options.l2,
      ),
    );
    onIteration(1, squaredError(columns, first, target, weight));
  } else logistic(columns, features.rows, target, weight, coefficients, options, onIteration);
  return {
    kind: 'linear',
    task: options.task,
    outputs,
    features: features.columns.map(({ name }) => ({ name })),
    // A model is float32 throughout: what is kept is what predicts.
    coefficients: coefficients.map((one) => Float64Array.from(one.subarray(1), Math.fround)),
    intercept: coefficients.map((one) => Math.fround(one[0] as number)),
  };
}

function logistic(
  columns: readonly Float32Array[],
  rows: number,
  target: Float64Array,
  weight: Float64Array | undefined,
  coefficients: readonly Float64Array[],
  options: LinearOptions,
  onIteration: (iteration: number, loss: number) => void,
): void {
  const scores = coefficients.map(() => new Float64Array(rows));
  let before = Infinity;
  for (let iteration = 1; iteration <= options.maxIterations; iteration += 1) {
    let [largest, moved] = [1, 0];
    for (const [k, beta] of coefficients.entries()) {
      const p = probabilities(scores, k, rows);
      const gradient = (row: number): number =>
        weightOf(weight, row) * ((isClass(target, row, k, coefficients.length) ? 1 : 0) - (p[row] as number));
      const hessian = (row: number): number =>
        Math.max(1e-9, weightOf(weight, row) * (p[row] as number) * (1 - (p[row] as number)));
      const step = newtonStep(columns, hessian, gradient, new Float64Array(rows).fill(1), beta, options.l2);
      for (let j = 0; j < beta.length; j += 1) {
        beta[j] = (beta[j] as number) + (step[j] as number);
        largest = Math.max(largest, Math.abs(beta[j] as number));
        moved = Math.max(moved, Math.abs(step[j] as number));
      }
      linearScores(columns, beta, scores[k] as Float64Array);
    }
    if (coefficients.length > 1) {
      centre(coefficients);
      for (const [k, beta] of coefficients.entries()) linearScores(columns, beta, scores[k] as Float64Array);
    }
    const loss = logLoss(scores, target, weight, rows);
    onIteration(iteration, loss);
    // Coefficients are kept as float32: what is left to move is less than that shows.
    if (moved < 1e-8 * largest || Math.abs(before - loss) < 1e-14 * Math.max(1, loss)) break;
    before = loss;
  }
}

/**
 * Softmax sees differences only: of all coefficients that say the same, those with the sum 0 are the
 * smallest. One class at a time would come to them in small steps.
 */
function centre(coefficients: readonly Float64Array[]): void {
  for (let j = 0; j < (coefficients[0]?.length ?? 0); j += 1) {
    const mean = coefficients.reduce((sum, beta) => sum + (beta[j] as number), 0) / coefficients.length;
    for (const beta of coefficients) beta[j] = (beta[j] as number) - mean;
  }
}

/** Solves (XᵀHX + λI)·step = Xᵀg − λ·beta, the intercept first and without λ. */
function newtonStep(
  columns: readonly Float32Array[],
  hessian: (row: number) => number,
  gradient: (row: number) => number,
  ones: Float64Array,
  beta: Float64Array,
  l2: number,
): Float64Array {
  const all = [ones, ...columns];
  const h = Float64Array.from(ones, (_, row) => hessian(row));
  const g = Float64Array.from(ones, (_, row) => gradient(row));
  const matrix = all.map(() => new Float64Array(all.length));
  const right = new Float64Array(all.length);
  const scaled = new Float64Array(ones.length);
  for (const [i, a] of all.entries()) {
    let sum = 0;
    for (let row = 0; row < scaled.length; row += 1) {
      scaled[row] = (a[row] as number) * (h[row] as number);
      sum += (a[row] as number) * (g[row] as number);
    }
    right[i] = sum - (i === 0 ? 0 : l2 * (beta[i] as number));
    for (let j = 0; j <= i; j += 1) {
      const b = all[j] as Float64Array | Float32Array;
      let product = 0;
      for (let row = 0; row < scaled.length; row += 1)
        product += (scaled[row] as number) * (b[row] as number);
      if (i === j && i > 0) product += l2;
      (matrix[i] as Float64Array)[j] = product;
      (matrix[j] as Float64Array)[i] = product;
    }
  }
  return solveCholesky(matrix, right);
}

function linearScores(columns: readonly Float32Array[], beta: Float64Array, into: Float64Array): void {
  into.fill(beta[0] as number);
  for (const [j, column] of columns.entries()) {
    const coefficient = beta[j + 1] as number;
    for (let row = 0; row < into.length; row += 1)
      into[row] = (into[row] as number) + coefficient * (column[row] as number);
  }
}

function probabilities(scores: readonly Float64Array[], k: number, rows: number): Float64Array {
  const own = scores[k] as Float64Array;
  if (scores.length === 1) return own.map((score) => 1 / (1 + Math.exp(-score)));
  const p = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    let sum = 0;
    for (const one of scores) sum += Math.exp((one[row] as number) - (own[row] as number));
    p[row] = 1 / sum;
  }
  return p;
}

function squaredError(
  columns: readonly Float32Array[],
  beta: Float64Array,
  target: Float64Array,
  weight: Float64Array | undefined,
): number {
  const predicted = new Float64Array(target.length);
  linearScores(columns, beta, predicted);
  let [sum, total] = [0, 0];
  for (let row = 0; row < target.length; row += 1) {
    sum += weightOf(weight, row) * ((predicted[row] as number) - (target[row] as number)) ** 2;
    total += weightOf(weight, row);
  }
  return sum / total;
}

function logLoss(
  scores: readonly Float64Array[],
  target: Float64Array,
  weight: Float64Array | undefined,
  rows: number,
): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < rows; row += 1) {
    const own = scores.length === 1 ? 0 : (target[row] as number);
    const score = (scores[own] as Float64Array)[row] as number;
    let loss: number;
    if (scores.length === 1)
      loss = Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - (target[row] as number) * score;
    else {
      let others = 0;
      for (const one of scores) others += Math.exp((one[row] as number) - score);
      loss = Math.log(others);
    }
    sum += weightOf(weight, row) * loss;
    total += weightOf(weight, row);
  }
  return sum / total;
}

function isClass(target: Float64Array, row: number, k: number, outputs: number): boolean {
  return outputs === 1 ? target[row] === 1 : target[row] === k;
}

function weightOf(weight: Float64Array | undefined, row: number): number {
  return weight === undefined ? 1 : (weight[row] as number);
}

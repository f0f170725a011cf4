import type { Task } from '../model.ts';

/** First and second derivatives of the loss, and the loss itself, for one kind of target. */
export interface Objective {
  /** Scores a row: 1, or the number of classes. */
  readonly outputs: number;
  /** The best constant scores. */
  base(target: Float64Array, weight: Float64Array | undefined): number[];
  /** Writes gradient and hessian of output k for every row. */
  derive(
    k: number,
    target: Float64Array,
    weight: Float64Array | undefined,
    scores: readonly Float64Array[],
    gradient: Float64Array,
    hessian: Float64Array,
  ): void;
  /** Mean loss: squared error, or log loss. */
  loss(target: Float64Array, weight: Float64Array | undefined, scores: readonly Float64Array[]): number;
}

export function objectiveOf(task: Task, classes: number): Objective {
  if (task === 'regression') return SQUARED_ERROR;
  return task === 'binary' ? LOG_LOSS : softmax(classes);
}

const SQUARED_ERROR: Objective = {
  outputs: 1,
  base: (target, weight) => [mean(target, weight)],
  derive: (_, target, weight, [scores], gradient, hessian) => {
    for (let row = 0; row < target.length; row += 1) {
      const w = weight === undefined ? 1 : (weight[row] as number);
      gradient[row] = w * ((scores as Float64Array)[row] as number) - w * (target[row] as number);
      hessian[row] = w;
    }
  },
  loss: (target, weight, [scores]) =>
    meanOf(
      target.length,
      weight,
      (row) => (((scores as Float64Array)[row] as number) - (target[row] as number)) ** 2,
    ),
};

const LOG_LOSS: Objective = {
  outputs: 1,
  base: (target, weight) => {
    const p = Math.min(1 - 1e-12, Math.max(1e-12, mean(target, weight)));
    return [Math.log(p / (1 - p))];
  },
  derive: (_, target, weight, [scores], gradient, hessian) => {
    for (let row = 0; row < target.length; row += 1) {
      const p = 1 / (1 + Math.exp(-((scores as Float64Array)[row] as number)));
      const w = weight === undefined ? 1 : (weight[row] as number);
      gradient[row] = w * (p - (target[row] as number));
      hessian[row] = w * p * (1 - p);
    }
  },
  loss: (target, weight, [scores]) =>
    meanOf(target.length, weight, (row) => {
      const score = (scores as Float64Array)[row] as number;
      // log(1 + exp(score)) − y · score, without overflow.
      return Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - (target[row] as number) * score;
    }),
};

function softmax(classes: number): Objective {
  return {
    outputs: classes,
    base: (target, weight) =>
      Array.from({ length: classes }, (_, k) => {
        const share = mean(
          target.map((label) => (label === k ? 1 : 0)),
          weight,
        );
        return Math.log(Math.max(1e-12, share));
      }),
    derive: (k, target, weight, scores, gradient, hessian) => {
      for (let row = 0; row < target.length; row += 1) {
        const p = Math.exp(((scores[k] as Float64Array)[row] as number) - logSumExp(scores, row));
        const w = weight === undefined ? 1 : (weight[row] as number);
        gradient[row] = w * (p - (target[row] === k ? 1 : 0));
        hessian[row] = w * p * (1 - p);
      }
    },
    loss: (target, weight, scores) =>
      meanOf(
        target.length,
        weight,
        (row) => logSumExp(scores, row) - ((scores[target[row] as number] as Float64Array)[row] as number),
      ),
  };
}

function logSumExp(scores: readonly Float64Array[], row: number): number {
  let most = -Infinity;
  for (const one of scores) most = Math.max(most, one[row] as number);
  let sum = 0;
  for (const one of scores) sum += Math.exp((one[row] as number) - most);
  return most + Math.log(sum);
}

function mean(values: Float64Array, weight: Float64Array | undefined): number {
  return meanOf(values.length, weight, (row) => values[row] as number);
}

function meanOf(rows: number, weight: Float64Array | undefined, value: (row: number) => number): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < rows; row += 1) {
    const w = weight === undefined ? 1 : (weight[row] as number);
    sum += w * value(row);
    total += w;
  }
  return sum / total;
}

import type { Task } from '../model.ts';
import { blockSize, blocksOf, type FitMemory } from './fit-memory.ts';
import { addTree } from './predict-gbdt.ts';

/** Rows with a target and what a model says of them so far. */
interface Scored {
  readonly target: Float64Array;
  readonly weight: Float64Array | undefined;
  /** By output. */
  readonly scores: readonly Float64Array[];
}

/** Scores a row has: 1, or the number of classes. */
export function outputsOf(task: Task, classes: number): number {
  return task === 'multiclass' ? classes : 1;
}

/** The best constant scores, by output. */
export function baseScores(
  task: Task,
  outputs: number,
  target: Float64Array,
  weight: Float64Array | undefined,
): number[] {
  const sums = new Float64Array(outputs);
  let total = 0;
  for (let row = 0; row < target.length; row += 1) {
    const w = weight === undefined ? 1 : (weight[row] as number);
    const value = target[row] as number;
    if (task === 'multiclass') sums[value] = (sums[value] as number) + w;
    else sums[0] = (sums[0] as number) + w * value;
    total += w;
  }
  return Array.from(sums, (sum) => {
    const mean = sum / total;
    if (task === 'regression') return mean;
    if (task === 'multiclass') return Math.log(Math.max(1e-12, mean));
    const p = Math.min(1 - 1e-12, Math.max(1e-12, mean));
    return Math.log(p / (1 - p));
  });
}

/** Numbers a block leaves in `sums`. */
export function sumsWidth(outputs: number): number {
  return 1 + 2 * outputs;
}

/** Adds up what the blocks of so many rows left at one place of theirs in `sums`. */
export function sumOf({ sums, outputs }: FitMemory, rows: number, at: number): number {
  let sum = 0;
  for (let block = 0; block < blocksOf(rows); block += 1)
    sum += sums[block * sumsWidth(outputs) + at] as number;
  return sum;
}

/** Writes gradients and hessians of one block of rows for all outputs, and adds up the loss. */
export function deriveRows(memory: FitMemory, block: number): void {
  const size = blockSize(memory.rows);
  const begin = block * size;
  const end = Math.min(memory.rows, begin + size);
  const { derivatives, outputs, sums } = memory;
  const at = block * sumsWidth(outputs);
  sums[at] = lossOf(memory.task, memory, begin, end, derivatives);
  for (let output = 0; output < outputs; output += 1) {
    const own = derivatives[output] as Float32Array;
    let [gradient, hessian] = [0, 0];
    for (let row = begin; row < end; row += 1) {
      gradient += own[2 * row] as number;
      hessian += own[2 * row + 1] as number;
    }
    sums[at + 1 + 2 * output] = gradient;
    sums[at + 2 + 2 * output] = hessian;
  }
}

/**
 * Adds the tree to the scores of one block of the watched rows, and adds up their loss.
 *
 * @param args the output, and 1 if it is the last one: the loss is of all outputs
 */
export function watchRows(
  { task, outputs, sums, watched }: FitMemory,
  block: number,
  args: Float64Array,
): void {
  if (watched === undefined) return;
  const [output = 0, isLast] = args;
  const size = blockSize(watched.rows);
  const begin = block * size;
  const end = Math.min(watched.rows, begin + size);
  addTree(watched.tree, watched.values, watched.scores[output] as Float64Array, begin, end);
  if (isLast === 1) sums[block * sumsWidth(outputs)] = lossOf(task, watched, begin, end, undefined);
}

/** Sum of the losses of some rows: squared error, or log loss. Writes their derivatives where asked to. */
function lossOf(
  task: Task,
  rows: Scored,
  from: number,
  to: number,
  derivatives: readonly Float32Array[] | undefined,
): number {
  if (task === 'multiclass') return softmaxLoss(rows, from, to, derivatives);
  const own = derivatives?.[0];
  return task === 'binary' ? logLoss(rows, from, to, own) : squaredError(rows, from, to, own);
}

function squaredError(
  { target, weight, scores }: Scored,
  from: number,
  to: number,
  derivatives: Float32Array | undefined,
): number {
  const own = scores[0] as Float64Array;
  let loss = 0;
  for (let row = from; row < to; row += 1) {
    const w = weight === undefined ? 1 : (weight[row] as number);
    const error = (own[row] as number) - (target[row] as number);
    loss += w * error * error;
    if (derivatives === undefined) continue;
    derivatives[2 * row] = w * error;
    derivatives[2 * row + 1] = w;
  }
  return loss;
}

function logLoss(
  { target, weight, scores }: Scored,
  from: number,
  to: number,
  derivatives: Float32Array | undefined,
): number {
  const own = scores[0] as Float64Array;
  let loss = 0;
  // Σ log(1 + e) is the logarithm of a product, which is taken now and then instead of for each row.
  let product = 1;
  for (let row = from; row < to; row += 1) {
    const score = own[row] as number;
    const y = target[row] as number;
    const e = Math.exp(-Math.abs(score));
    const w = weight === undefined ? 1 : (weight[row] as number);
    // log(1 + exp(score)) − y · score, without overflow.
    loss += w * ((score > 0 ? score : 0) - y * score);
    if (weight !== undefined) loss += w * Math.log1p(e);
    else {
      product *= 1 + e;
      if (product > 1e300) {
        loss += Math.log(product);
        product = 1;
      }
    }
    if (derivatives === undefined) continue;
    const q = 1 / (1 + e);
    derivatives[2 * row] = w * ((score > 0 ? q : e * q) - y);
    derivatives[2 * row + 1] = w * e * q * q;
  }
  return loss + Math.log(product);
}

function softmaxLoss(
  { target, weight, scores }: Scored,
  from: number,
  to: number,
  derivatives: readonly Float32Array[] | undefined,
): number {
  const classes = scores.length;
  const shares = new Float64Array(classes);
  let loss = 0;
  for (let row = from; row < to; row += 1) {
    const w = weight === undefined ? 1 : (weight[row] as number);
    const y = target[row] as number;
    let most = -Infinity;
    for (let k = 0; k < classes; k += 1) most = Math.max(most, (scores[k] as Float64Array)[row] as number);
    let sum = 0;
    for (let k = 0; k < classes; k += 1) {
      shares[k] = Math.exp(((scores[k] as Float64Array)[row] as number) - most);
      sum += shares[k] as number;
    }
    loss += w * (most + Math.log(sum) - ((scores[y] as Float64Array)[row] as number));
    if (derivatives === undefined) continue;
    for (let k = 0; k < classes; k += 1) {
      const p = (shares[k] as number) / sum;
      const own = derivatives[k] as Float32Array;
      own[2 * row] = w * (p - (y === k ? 1 : 0));
      own[2 * row + 1] = w * p * (1 - p);
    }
  }
  return loss;
}

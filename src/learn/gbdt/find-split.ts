/** Sums of gradient and hessian by bin: two numbers a bin. */
export const BIN_WIDTH = 2;

export interface SplitRules {
  readonly minSamplesLeaf: number;
  readonly minHessian: number;
  readonly l2: number;
}

/** The best way to part a leaf's rows. */
export interface Split {
  readonly feature: number;
  /** Rows with a bin up to this go left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly gain: number;
  readonly left: Sums;
  readonly right: Sums;
}

export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

/** Numbers that a split of one feature is written down in: gain, bin, side of missing values, left sums. */
export const SPLIT_WIDTH = 6;

/**
 * Looks at every edge of one feature, with missing values on either side, and writes down the best; a gain
 * of 0 is none. Ties go to the first.
 *
 * @param from where the feature's histogram begins
 * @param missing where it ends, with the bin of missing values
 */
export function findSplit(
  histogram: Float64Array,
  from: number,
  missing: number,
  total: Sums,
  rules: SplitRules,
  found: Float64Array,
  at: number,
): void {
  const { minSamplesLeaf, minHessian, l2 } = rules;
  const { gradient: allGradient, hessian: allHessian, rows: allRows } = total;
  const parent = score(allGradient, allHessian, l2);
  // Rows are not counted by bin: as in LightGBM, a side has its share of the hessian in the leaf's rows.
  const rowsPerHessian = allRows / allHessian;
  const missingGradient = histogram[missing] as number;
  const missingHessian = histogram[missing + 1] as number;
  // What is left of a difference of sums may be a rounding error.
  const hasMissing = missingHessian * rowsPerHessian > 0.5;
  let [bestGain, bestAt, bestSide, bestGradient, bestHessian] = [1e-9, -1, 0, 0, 0];
  for (let side = 0; side <= (hasMissing ? 1 : 0); side += 1) {
    let gradient = side === 1 ? missingGradient : 0;
    let hessian = side === 1 ? missingHessian : 0;
    const last = hasMissing && side === 0 ? missing : missing - BIN_WIDTH;
    for (let bin = from; bin < last; bin += BIN_WIDTH) {
      gradient += histogram[bin] as number;
      hessian += histogram[bin + 1] as number;
      const rows = Math.round(hessian * rowsPerHessian);
      if (rows < minSamplesLeaf || hessian < minHessian) continue;
      const rightHessian = allHessian - hessian;
      if (allRows - rows < minSamplesLeaf || rightHessian < minHessian) break;
      const gain = score(gradient, hessian, l2) + score(allGradient - gradient, rightHessian, l2) - parent;
      if (gain > bestGain)
        [bestGain, bestAt, bestSide, bestGradient, bestHessian] = [gain, bin, side, gradient, hessian];
    }
  }
  found[at] = bestAt === -1 ? 0 : bestGain;
  found[at + 1] = (bestAt - from) / BIN_WIDTH;
  found[at + 2] = bestSide;
  found[at + 3] = bestGradient;
  found[at + 4] = bestHessian;
  found[at + 5] = Math.round(bestHessian * rowsPerHessian);
}

/** The best of what was written down for each feature. Ties go to the first. */
export function bestOf(found: Float64Array, from: number, features: number, total: Sums): Split | undefined {
  let best = -1;
  let bestGain = 0;
  for (let feature = 0; feature < features; feature += 1) {
    const gain = found[from + feature * SPLIT_WIDTH] as number;
    if (gain > bestGain) [best, bestGain] = [feature, gain];
  }
  if (best === -1) return undefined;
  const at = from + best * SPLIT_WIDTH;
  const [, bin = 0, side, gradient = 0, hessian = 0, rows = 0] = found.subarray(at, at + SPLIT_WIDTH);
  return {
    feature: best,
    bin,
    missingLeft: side === 1,
    gain: bestGain,
    left: { gradient, hessian, rows },
    right: { gradient: total.gradient - gradient, hessian: total.hessian - hessian, rows: total.rows - rows },
  };
}

function score(gradient: number, hessian: number, l2: number): number {
  return (gradient * gradient) / (hessian + l2);
}

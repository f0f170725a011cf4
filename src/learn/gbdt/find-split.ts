import { MISSING_BIN } from './bin-features.ts';

/** Sums of gradient and hessian by bin: two numbers a bin, 256 bins a feature. */
export const BIN_WIDTH = 2;
export const FEATURE_WIDTH = 256 * BIN_WIDTH;

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

/** Looks at every edge of every feature, with missing values on either side. Ties go to the first. */
export function findSplit(
  histogram: Float64Array,
  features: readonly number[],
  bins: readonly number[],
  total: Sums,
  rules: SplitRules,
): Split | undefined {
  let best: Split | undefined;
  const parent = score(total.gradient, total.hessian, rules.l2);
  // Rows are not counted by bin: as in LightGBM, a side has its share of the hessian in the leaf's rows.
  const rowsPerHessian = total.rows / total.hessian;
  for (const feature of features) {
    const base = feature * FEATURE_WIDTH;
    const missing = base + MISSING_BIN * BIN_WIDTH;
    // What is left of a difference of sums may be a rounding error.
    const missingHessian = histogram[missing + 1] as number;
    const hasMissing = missingHessian * rowsPerHessian > 0.5;
    for (const missingLeft of hasMissing ? [false, true] : [false]) {
      let gradient = missingLeft ? (histogram[missing] as number) : 0;
      let hessian = missingLeft ? missingHessian : 0;
      const last = (bins[feature] as number) - (hasMissing && !missingLeft ? 0 : 1);
      for (let bin = 0; bin < last; bin += 1) {
        const at = base + bin * BIN_WIDTH;
        gradient += histogram[at] as number;
        hessian += histogram[at + 1] as number;
        const rows = Math.round(hessian * rowsPerHessian);
        if (rows < rules.minSamplesLeaf || hessian < rules.minHessian) continue;
        const rightRows = total.rows - rows;
        const rightHessian = total.hessian - hessian;
        if (rightRows < rules.minSamplesLeaf || rightHessian < rules.minHessian) break;
        const rightGradient = total.gradient - gradient;
        const gain =
          score(gradient, hessian, rules.l2) + score(rightGradient, rightHessian, rules.l2) - parent;
        if (gain > (best?.gain ?? 1e-9))
          best = {
            feature,
            bin,
            missingLeft,
            gain,
            left: { gradient, hessian, rows },
            right: { gradient: rightGradient, hessian: rightHessian, rows: rightRows },
          };
      }
    }
  }
  return best;
}

function score(gradient: number, hessian: number, l2: number): number {
  return (gradient * gradient) / (hessian + l2);
}

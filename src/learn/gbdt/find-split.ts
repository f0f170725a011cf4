import { MISSING_BIN } from './bin-features.ts';

/** Sums of gradient, hessian and rows by bin: three numbers a bin, 256 bins a feature. */
export const BIN_WIDTH = 3;
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
  for (const feature of features) {
    const base = feature * FEATURE_WIDTH;
    const missing = base + MISSING_BIN * BIN_WIDTH;
    const missingRows = histogram[missing + 2] as number;
    for (const missingLeft of missingRows > 0 ? [false, true] : [false]) {
      let gradient = missingLeft ? (histogram[missing] as number) : 0;
      let hessian = missingLeft ? (histogram[missing + 1] as number) : 0;
      let rows = missingLeft ? missingRows : 0;
      const last = (bins[feature] as number) - (missingRows > 0 && !missingLeft ? 0 : 1);
      for (let bin = 0; bin < last; bin += 1) {
        const at = base + bin * BIN_WIDTH;
        gradient += histogram[at] as number;
        hessian += histogram[at + 1] as number;
        rows += histogram[at + 2] as number;
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

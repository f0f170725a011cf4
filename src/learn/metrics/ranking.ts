/** Areas and curves of scores against a yes-or-no truth; rows of equal score are one step. */
export interface Curves {
  readonly rocAuc: number;
  readonly precisionRecallAuc: number;
  /** From (0, 0) to (1, 1), at most 200 points. */
  readonly roc: readonly (readonly [fpr: number, tpr: number])[];
  readonly pr: readonly (readonly [recall: number, precision: number])[];
}

const MAX_POINTS = 200;

/**
 * ROC by the trapezoid rule; precision and recall by the trapezoid rule too, as MLflow does through
 * scikit-learn's `auc`. NaN where one class is absent.
 */
export function rankingCurves(scores: Float32Array, isPositive: Uint8Array): Curves {
  const order = Uint32Array.from(scores, (_, row) => row).toSorted(
    (a, b) => (scores[b] as number) - (scores[a] as number) || a - b,
  );
  const positives = isPositive.reduce((sum, one) => sum + one, 0);
  const negatives = isPositive.length - positives;
  let [tp, fp, roc, prArea] = [0, 0, 0, 0];
  let [lastTp, lastFp, lastPrecision, lastRecall] = [0, 0, 1, 0];
  const rocPoints: [number, number][] = [[0, 0]];
  const prPoints: [number, number][] = [[0, 1]];
  for (let at = 0; at < order.length; ) {
    const score = scores[order[at] as number];
    for (; at < order.length && scores[order[at] as number] === score; at += 1) {
      if (isPositive[order[at] as number] === 1) tp += 1;
      else fp += 1;
    }
    roc += ((fp - lastFp) * (tp + lastTp)) / 2;
    const [precision, recall] = [tp / (tp + fp), tp / positives];
    prArea += ((recall - lastRecall) * (precision + lastPrecision)) / 2;
    [lastTp, lastFp, lastPrecision, lastRecall] = [tp, fp, precision, recall];
    rocPoints.push([fp / negatives, tp / positives]);
    prPoints.push([recall, precision]);
  }
  return {
    rocAuc: positives === 0 || negatives === 0 ? Number.NaN : roc / (positives * negatives),
    precisionRecallAuc: positives === 0 ? Number.NaN : prArea,
    roc: thinned(rocPoints),
    pr: thinned(prPoints),
  };
}

/** Points evenly spaced in x, the ends included. */
function thinned(points: readonly [number, number][]): [number, number][] {
  if (points.length <= MAX_POINTS) return [...points];
  const kept: [number, number][] = [];
  for (const [index, point] of points.entries())
    if (index === 0 || index === points.length - 1 || point[0] - (kept.at(-1)?.[0] ?? 0) >= 1 / MAX_POINTS)
      kept.push(point);
  return kept;
}

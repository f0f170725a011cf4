import { type Curves, rankingCurves } from './ranking.ts';

/** What a classifier said of some rows. */
export interface Classified {
  /** Index of the true class. */
  readonly truth: Int32Array;
  /** Index of the class that was said. */
  readonly labels: Int32Array;
  /** One array a class. */
  readonly probabilities: readonly Float32Array[];
}

export interface ClassifierReport {
  readonly metrics: Record<string, number>;
  /** Rows by true class and said class. */
  readonly confusion: readonly (readonly number[])[];
  /** Of the positive class; absent for more than two classes. */
  readonly curves?: Curves;
  /** Mean probability and share of positives in ten bins, with their rows. */
  readonly calibration?: readonly {
    readonly predicted: number;
    readonly observed: number;
    readonly rows: number;
  }[];
}

/** Smallest probability in a log loss: of float32, as scikit-learn clips it. */
const EPSILON = 2 ** -23;

/** MLflow's metrics of a classifier, by MLflow's names. The last class of two is the positive one. */
export function classifierReport({ truth, labels, probabilities }: Classified): ClassifierReport {
  const classes = probabilities.length;
  const rows = truth.length;
  const confusion = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  let loss = 0;
  let correct = 0;
  for (let row = 0; row < rows; row += 1) {
    const [own, said] = [truth[row] as number, labels[row] as number];
    const line = confusion[own] as number[];
    line[said] = (line[said] ?? 0) + 1;
    if (own === said) correct += 1;
    loss -= Math.log(Math.min(1 - EPSILON, Math.max(EPSILON, probabilities[own]?.[row] ?? 0)));
  }
  const shared = { example_count: rows, accuracy_score: correct / rows, log_loss: loss / rows };
  if (classes !== 2)
    return { metrics: { ...shared, ...multiclass(confusion, truth, probabilities) }, confusion };
  const [[tn = 0, fp = 0] = [], [fn = 0, tp = 0] = []] = confusion;
  const [precision, recall] = [ratio(tp, tp + fp), ratio(tp, tp + fn)];
  const curves = rankingCurves(probabilities[1] as Float32Array, Uint8Array.from(truth));
  return {
    metrics: {
      true_negatives: tn,
      false_positives: fp,
      false_negatives: fn,
      true_positives: tp,
      ...shared,
      recall_score: recall,
      precision_score: precision,
      f1_score: ratio(2 * precision * recall, precision + recall),
      roc_auc: curves.rocAuc,
      precision_recall_auc: curves.precisionRecallAuc,
    },
    confusion,
    curves,
    calibration: calibrationOf(probabilities[1] as Float32Array, truth),
  };
}

/** Averages over the classes: by their rows, and for F1 also each class alike. */
function multiclass(
  confusion: readonly (readonly number[])[],
  truth: Int32Array,
  probabilities: readonly Float32Array[],
): Record<string, number> {
  let [precision, recall, weighted, macro, auc, aucWeight] = [0, 0, 0, 0, 0, 0];
  for (const [k, line] of confusion.entries()) {
    const support = line.reduce((a, b) => a + b, 0);
    const said = confusion.reduce((sum, other) => sum + (other[k] ?? 0), 0);
    const [p, r] = [ratio(line[k] ?? 0, said), ratio(line[k] ?? 0, support)];
    const f1 = ratio(2 * p * r, p + r);
    precision += (p * support) / truth.length;
    recall += (r * support) / truth.length;
    weighted += (f1 * support) / truth.length;
    macro += f1 / confusion.length;
    if (support > 0 && support < truth.length) {
      const isOwn = Uint8Array.from(truth, (own) => (own === k ? 1 : 0));
      auc += rankingCurves(probabilities[k] as Float32Array, isOwn).rocAuc * support;
      aucWeight += support;
    }
  }
  return {
    precision_score: precision,
    recall_score: recall,
    f1_score: weighted,
    f1_score_macro: macro,
    roc_auc: ratio(auc, aucWeight),
  };
}

function calibrationOf(
  p: Float32Array,
  truth: Int32Array,
): { predicted: number; observed: number; rows: number }[] {
  const bins = Array.from({ length: 10 }, () => ({ sum: 0, positives: 0, rows: 0 }));
  for (let row = 0; row < p.length; row += 1) {
    const bin = bins[Math.min(9, Math.floor((p[row] as number) * 10))];
    if (bin === undefined) continue;
    bin.sum += p[row] as number;
    bin.positives += truth[row] as number;
    bin.rows += 1;
  }
  return bins
    .filter(({ rows }) => rows > 0)
    .map(({ sum, positives, rows }) => ({ predicted: sum / rows, observed: positives / rows, rows }));
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

import { type Curves, rankingCurves } from './ranking.ts';

/** What a classifier said of some rows. */
export interface Classified {
  /** Index of the true class. */
  readonly truth: Int32Array;
  /** Index of the class that was said. */
  readonly labels: Int32Array;
  /** One array a class. */
  readonly probabilities: readonly Float32Array[];
  /** How much each row counts; 1 if not said. */
  readonly weight?: Float64Array | undefined;
}

export interface ClassifierReport {
  readonly metrics: Record<string, number>;
  /** Rows by true class and said class, whatever they weigh. */
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

/**
 * MLflow's metrics of a classifier, by MLflow's names. The last class of two is the positive one. Weights
 * count in all but the numbers of rows. A metric without a value is NaN.
 */
export function classifierReport(classified: Classified): ClassifierReport {
  const { truth, labels, probabilities, weight } = classified;
  const classes = probabilities.length;
  const table = (): number[][] =>
    Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  const [confusion, weighed] = [table(), table()];
  let [loss, total] = [0, 0];
  for (let row = 0; row < truth.length; row += 1) {
    const [own, said] = [truth[row] as number, labels[row] as number];
    const w = weight === undefined ? 1 : (weight[row] as number);
    (confusion[own] as number[])[said] = (confusion[own]?.[said] as number) + 1;
    (weighed[own] as number[])[said] = (weighed[own]?.[said] as number) + w;
    const p = probabilities[own]?.[row] as number;
    loss -= w * Math.log(Math.min(1 - EPSILON, Math.max(EPSILON, p)));
    total += w;
  }
  const correct = weighed.reduce((sum, line, k) => sum + (line[k] as number), 0);
  const shared = {
    example_count: truth.length,
    accuracy_score: correct / total,
    log_loss: loss / total,
  };
  if (classes !== 2) return { metrics: { ...shared, ...multiclass(classified, weighed, total) }, confusion };
  const [[tn = 0, fp = 0] = [], [fn = 0, tp = 0] = []] = confusion;
  const positive = probabilities[1] as Float32Array;
  const curves = rankingCurves(positive, Uint8Array.from(truth), weight);
  const { precision, recall, f1 } = ofClass(weighed, 1);
  return {
    metrics: {
      true_negatives: tn,
      false_positives: fp,
      false_negatives: fn,
      true_positives: tp,
      ...shared,
      recall_score: recall,
      precision_score: precision,
      f1_score: f1,
      roc_auc: curves.rocAuc,
      precision_recall_auc: curves.averagePrecision,
    },
    confusion,
    curves,
    calibration: calibrationOf(positive, truth, weight),
  };
}

/** Averages over the classes by what their rows weigh; the macro F1 counts each class alike that is true or said. */
function multiclass(
  { truth, probabilities, weight }: Classified,
  weighed: readonly (readonly number[])[],
  total: number,
): Record<string, number> {
  let [precision, recall, f1, macro, classes, auc, aucWeight] = [0, 0, 0, 0, 0, 0, 0];
  for (const k of weighed.keys()) {
    const one = ofClass(weighed, k);
    precision += (one.precision * one.support) / total;
    recall += (one.recall * one.support) / total;
    f1 += (one.f1 * one.support) / total;
    macro += one.f1;
    classes += one.support + one.said > 0 ? 1 : 0;
    // A class that all rows have, or none, is ranked against nothing.
    if (one.support === 0 || one.support === total) continue;
    const isOwn = Uint8Array.from(truth, (own) => (own === k ? 1 : 0));
    auc += rankingCurves(probabilities[k] as Float32Array, isOwn, weight).rocAuc * one.support;
    aucWeight += one.support;
  }
  return {
    precision_score: precision,
    recall_score: recall,
    f1_score: f1,
    f1_score_macro: ratio(macro, classes),
    roc_auc: auc / aucWeight,
  };
}

/** `support` is what the rows of class `k` weigh, `said` what those weigh of which it was said. */
function ofClass(
  weighed: readonly (readonly number[])[],
  k: number,
): { precision: number; recall: number; f1: number; support: number; said: number } {
  const correct = weighed[k]?.[k] as number;
  const support = (weighed[k] as readonly number[]).reduce((a, b) => a + b, 0);
  const said = weighed.reduce((sum, line) => sum + (line[k] as number), 0);
  const [precision, recall] = [ratio(correct, said), ratio(correct, support)];
  return { precision, recall, f1: ratio(2 * correct, said + support), support, said };
}

function calibrationOf(
  p: Float32Array,
  truth: Int32Array,
  weight: Float64Array | undefined,
): { predicted: number; observed: number; rows: number }[] {
  const bins = Array.from({ length: 10 }, () => ({ sum: 0, positives: 0, weight: 0, rows: 0 }));
  for (let row = 0; row < p.length; row += 1) {
    const bin = bins[Math.min(9, Math.floor((p[row] as number) * 10))];
    if (bin === undefined) continue;
    const w = weight === undefined ? 1 : (weight[row] as number);
    bin.sum += w * (p[row] as number);
    bin.positives += w * (truth[row] as number);
    bin.weight += w;
    bin.rows += 1;
  }
  return bins
    .filter(({ weight }) => weight > 0)
    .map(({ sum, positives, weight, rows }) => ({
      predicted: sum / weight,
      observed: positives / weight,
      rows,
    }));
}

/** As scikit-learn takes a division by zero. */
function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

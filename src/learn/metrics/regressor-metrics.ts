export interface RegressorReport {
  readonly metrics: Record<string, number>;
  /** Rows by residual (truth less prediction), in 30 bins of equal width. */
  readonly residuals: readonly { readonly from: number; readonly to: number; readonly rows: number }[];
  /** Some rows, evenly taken. */
  readonly scatter: readonly (readonly [truth: number, prediction: number])[];
}

/** scikit-learn's guard against a division by zero. */
const EPSILON = 2 ** -52;
const BINS = 30;
const SCATTER = 400;

/**
 * MLflow's metrics of a regressor, by MLflow's names. A weight counts in all but the number of rows and the
 * largest error; `mean_on_target` divides the weighted sum by the rows, as MLflow does. A metric without a
 * value is NaN.
 */
export function regressorReport(
  truth: Float64Array,
  prediction: Float32Array,
  weight?: Float64Array,
): RegressorReport {
  const rows = truth.length;
  let [total, sum, absolute, squared, largest, percentage] = [0, 0, 0, 0, 0, 0];
  for (let row = 0; row < rows; row += 1) {
    const [y, residual] = [truth[row] as number, (truth[row] as number) - (prediction[row] as number)];
    const w = weight === undefined ? 1 : (weight[row] as number);
    total += w;
    sum += w * y;
    absolute += w * Math.abs(residual);
    squared += w * residual * residual;
    largest = Math.max(largest, Math.abs(residual));
    percentage += (w * Math.abs(residual)) / Math.max(EPSILON, Math.abs(y));
  }
  const spread = spreadOf(truth, weight, sum / total);
  const step = Math.max(1, Math.floor(rows / SCATTER));
  const scatter: [number, number][] = [];
  for (let row = 0; row < rows; row += step) scatter.push([truth[row] as number, prediction[row] as number]);
  return {
    metrics: {
      example_count: rows,
      mean_absolute_error: absolute / total,
      mean_squared_error: squared / total,
      root_mean_squared_error: Math.sqrt(squared / total),
      sum_on_target: sum,
      mean_on_target: sum / rows,
      r2_score: rows < 2 ? Number.NaN : spread === 0 ? (squared === 0 ? 1 : 0) : 1 - squared / spread,
      max_error: largest,
      mean_absolute_percentage_error: percentage / total,
    },
    residuals: histogram(truth, prediction),
    scatter,
  };
}

/** Sum of squares about the mean. Of equal values it is 0, however their mean is rounded. */
function spreadOf(truth: Float64Array, weight: Float64Array | undefined, mean: number): number {
  let spread = 0;
  let isConstant = true;
  for (let row = 0; row < truth.length; row += 1) {
    const y = truth[row] as number;
    spread += (weight === undefined ? 1 : (weight[row] as number)) * (y - mean) ** 2;
    isConstant &&= y === truth[0];
  }
  return isConstant ? 0 : spread;
}

function histogram(
  truth: Float64Array,
  prediction: Float32Array,
): { from: number; to: number; rows: number }[] {
  let [least, most] = [Infinity, -Infinity];
  for (let row = 0; row < truth.length; row += 1) {
    const residual = (truth[row] as number) - (prediction[row] as number);
    least = Math.min(least, residual);
    most = Math.max(most, residual);
  }
  const width = (most - least) / BINS || 1;
  const counts = Array.from({ length: BINS }, () => 0);
  for (let row = 0; row < truth.length; row += 1) {
    const bin = Math.min(
      BINS - 1,
      Math.floor(((truth[row] as number) - (prediction[row] as number) - least) / width),
    );
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((rows, bin) => ({ from: least + bin * width, to: least + (bin + 1) * width, rows }));
}

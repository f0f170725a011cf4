/** What MLflow stores for an infinity. */
const LARGEST = Number.MAX_VALUE;

/** A metric's value and `is_nan`, as the columns of that name hold them. */
export function storedNumber(value: number): readonly [value: number, isNan: 0 | 1] {
  return Number.isNaN(value) ? [0, 1] : [Math.max(-LARGEST, Math.min(LARGEST, value)), 0];
}

/** The value of a metric whose columns hold these. */
export function numberOf(value: unknown, isNan: unknown): number {
  return Number(isNan) === 1 ? Number.NaN : Number(value);
}

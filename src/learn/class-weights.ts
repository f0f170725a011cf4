/** How much rows of a class count: by label, 1 for those not named; or all classes alike in sum. */
export type ClassWeight = 'balanced' | Readonly<Record<string, number>>;

/**
 * The factor for the rows of each class. Balanced: all rows' weight ÷ (number of classes × the class's
 * weight), as in scikit-learn.
 *
 * @param target index of each row's class
 */
export function classFactors(
  classWeight: ClassWeight,
  classes: readonly string[],
  target: Float64Array,
  weight: Float64Array | undefined,
): Float64Array {
  if (classWeight !== 'balanced')
    return Float64Array.from(classes, (label) =>
      Object.hasOwn(classWeight, label) ? (classWeight[label] ?? 1) : 1,
    );
  const sums = new Float64Array(classes.length);
  let total = 0;
  for (const [row, label] of target.entries()) {
    const one = weight === undefined ? 1 : (weight[row] as number);
    sums[label] = (sums[label] as number) + one;
    total += one;
  }
  // A class whose rows all weigh nothing has no share to give.
  return sums.map((sum) => (sum === 0 ? 0 : total / (classes.length * sum)));
}

/** Weights of rows, those of their classes included. */
export function weighClasses(
  factors: Float64Array,
  target: Float64Array,
  weight: Float64Array | undefined,
): Float64Array {
  return target.map(
    (label, row) => (factors[label] as number) * (weight === undefined ? 1 : (weight[row] as number)),
  );
}

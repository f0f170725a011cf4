/**
 * Solves A·x = b for a symmetric positive definite A (n × n by rows) by Cholesky. A column that the ones
 * before it explain gets the coefficient 0.
 */
export function solveCholesky(a: readonly Float64Array[], b: Float64Array): Float64Array {
  const n = b.length;
  const lower = a.map((row) => row.slice());
  const dropped = new Uint8Array(n);
  for (let j = 0; j < n; j += 1) {
    const row = lower[j] as Float64Array;
    let diagonal = row[j] as number;
    for (let k = 0; k < j; k += 1) diagonal -= (row[k] as number) ** 2;
    if (diagonal <= 1e-10 * (a[j]?.[j] ?? 1) || diagonal <= 1e-300) {
      dropped[j] = 1;
      row.fill(0);
      row[j] = 1;
      for (let i = j + 1; i < n; i += 1) (lower[i] as Float64Array)[j] = 0;
      continue;
    }
    row[j] = Math.sqrt(diagonal);
    for (let i = j + 1; i < n; i += 1) {
      const other = lower[i] as Float64Array;
      let sum = other[j] as number;
      for (let k = 0; k < j; k += 1) sum -= (other[k] as number) * (row[k] as number);
      other[j] = sum / (row[j] as number);
    }
  }
  const x = b.map((value, index) => (dropped[index] === 1 ? 0 : value));
  for (let i = 0; i < n; i += 1) {
    for (let k = 0; k < i; k += 1)
      x[i] = (x[i] as number) - ((lower[i] as Float64Array)[k] as number) * (x[k] as number);
    x[i] = dropped[i] === 1 ? 0 : (x[i] as number) / ((lower[i] as Float64Array)[i] as number);
  }
  for (let i = n - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < n; k += 1)
      x[i] = (x[i] as number) - ((lower[k] as Float64Array)[i] as number) * (x[k] as number);
    x[i] = dropped[i] === 1 ? 0 : (x[i] as number) / ((lower[i] as Float64Array)[i] as number);
  }
  return x;
}

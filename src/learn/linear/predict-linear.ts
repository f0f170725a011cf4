import type { Features, LinearModel } from '../model.ts';

/** Raw scores, one array for each output: summed in double, given as float32. Missing values count as 0. */
export function predictLinear(model: LinearModel, { rows, columns }: Features): Float32Array[] {
  return model.coefficients.map((coefficients, k) => {
    const scores = new Float64Array(rows).fill(model.intercept[k] ?? 0);
    for (const [j, { values }] of columns.entries()) {
      const coefficient = coefficients[j] ?? 0;
      for (let row = 0; row < rows; row += 1) {
        const value = values[row] as number;
        if (value === value) scores[row] = (scores[row] as number) + coefficient * value;
      }
    }
    return Float32Array.from(scores);
  });
}

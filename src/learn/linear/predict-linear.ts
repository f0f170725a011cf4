import type { Features, LinearModel } from '../model.ts';

/** Raw scores in float32, one array for each output. Missing values count as 0. */
export function predictLinear(model: LinearModel, { rows, columns }: Features): Float32Array[] {
  return model.coefficients.map((coefficients, k) => {
    const scores = new Float32Array(rows).fill(model.intercept[k] ?? 0);
    for (const [j, { values }] of columns.entries()) {
      const coefficient = coefficients[j] ?? 0;
      for (let row = 0; row < rows; row += 1) {
        const value = values[row] as number;
        if (value === value)
          scores[row] = Math.fround((scores[row] as number) + Math.fround(coefficient * value));
      }
    }
    return scores;
  });
}

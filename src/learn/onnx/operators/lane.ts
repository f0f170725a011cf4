import type { NumberTensor, Values } from '../tensor.ts';

/** A column of values to read along: `step` is 0 where one value stands for all rows. */
export interface Lane {
  readonly values: Values;
  readonly at: number;
  readonly step: 0 | 1;
}

/** Where the values of a column lie, once the tensor is stretched to a shape. */
export function laneOf({ dims, columns }: NumberTensor, to: readonly number[], column: number): Lane {
  // Beside a matrix, a vector is a row of it.
  if (to.length === 2 && dims.length < 2) {
    const values = columns[0] as Values;
    return { values, at: values.length === 1 ? 0 : column, step: 0 };
  }
  const values = columns[columns.length === 1 ? 0 : column] as Values;
  return { values, at: 0, step: values.length === 1 ? 0 : 1 };
}

/** Fills a column from two others. */
export type PairLoop = (into: Values, a: Lane, b: Lane) => void;

/**
 * The loops of operators of two numbers. One for all, with the operation as a function, would call it for each
 * row: as there are many operations, it would not be compiled into the loop.
 */
export const PAIR_LOOPS = {
  add: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = (x[i + row * s] as number) + (y[j + row * t] as number);
  },
  subtract: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = (x[i + row * s] as number) - (y[j + row * t] as number);
  },
  multiply: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = (x[i + row * s] as number) * (y[j + row * t] as number);
  },
  divide: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = (x[i + row * s] as number) / (y[j + row * t] as number);
  },
  divideWhole: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = Math.trunc((x[i + row * s] as number) / (y[j + row * t] as number));
  },
  /** With the sign of the divisor. Exact to 2^53: below it no quotient is rounded up to a whole number. */
  remainder: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1) {
      const [a, b] = [x[i + row * s] as number, y[j + row * t] as number];
      into[row] = a - b * Math.floor(a / b);
    }
  },
  equal: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1) into[row] = x[i + row * s] === y[j + row * t] ? 1 : 0;
  },
  less: (into, { values: x, at: i, step: s }, { values: y, at: j, step: t }) => {
    for (let row = 0; row < into.length; row += 1)
      into[row] = (x[i + row * s] as number) < (y[j + row * t] as number) ? 1 : 0;
  },
} as const satisfies Readonly<Record<string, PairLoop>>;

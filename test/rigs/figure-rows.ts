import type { Examples } from '../../src/learn/gbdt/fit-gbdt.ts';
import type { Task } from '../../src/learn/model.ts';

const FEATURES = 6;

/** The rows of `test/python/model-figures.py`: whole numbers, sums and products, the same in any language. */
export function figureRows(count: number, isMissing: boolean, task: Task): Required<Examples> {
  const draw = numbers();
  const columns = Array.from({ length: FEATURES }, (_, at) => ({
    name: `x${at}`,
    values: new Float32Array(count),
  }));
  const target = new Float64Array(count);
  const weight = new Float64Array(count);
  for (let row = 0; row < count; row += 1) {
    const draws = Array.from({ length: FEATURES + 4 }, draw);
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = draws;
    const noise = draws.slice(FEATURES).reduce((sum, one) => sum + one, 0);
    const raw = 2 * a - 3 * b * c + (d > 0.5 ? 1 : 0) + noise - 2;
    draws[3] = Math.floor(8 * d);
    if (isMissing && e < 0.25) draws[0] = Number.NaN;
    for (const [at, { values }] of columns.entries()) values[row] = draws[at] as number;
    target[row] = TARGETS[task](raw);
    weight[row] = raw > 0.9 ? 3 : 0.5;
  }
  return { features: { rows: count, columns }, target, weight };
}

/** Rows `from … to)`. */
export function rowsOf({ features, target, weight }: Examples, from: number, to: number): Examples {
  return {
    features: {
      rows: to - from,
      columns: features.columns.map(({ name, values }) => ({ name, values: values.slice(from, to) })),
    },
    target: target.slice(from, to),
    weight: weight?.slice(from, to),
  };
}

const TARGETS: Readonly<Record<Task, (raw: number) => number>> = {
  regression: (raw) => raw,
  binary: (raw) => (raw > 0.7 ? 1 : 0),
  multiclass: (raw) => (raw > -0.5 ? 1 : 0) + (raw > 0.8 ? 1 : 0),
};

function numbers(): () => number {
  let state = 20_261_125;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

import type { Features } from '../model.ts';

/** Bins of values, and one more for missing ones. */
export const MAX_BINS = 255;
export const MISSING_BIN = 255;

/** Features as bin numbers: what histograms are counted over. */
export interface BinnedFeatures {
  readonly rows: number;
  /** One array a feature: the bin of each row; 255 is missing. */
  readonly bins: readonly Uint8Array[];
  /** Upper edges by feature: bin b holds values ≤ edges[b]. One fewer than there are bins. */
  readonly edges: readonly Float32Array[];
}

/** Rows looked at to choose edges: every n-th, so that the choice is the same each time. */
const EDGE_SAMPLE = 200_000;

/**
 * Chooses bins: one for each distinct value while there are at most 255, else of equal frequency. Edges are
 * float32 and lie between values, so that a model in float32 sends every row the way training did.
 */
export function binFeatures({ rows, columns }: Features): BinnedFeatures {
  const edges = columns.map(({ values }) => chooseEdges(values));
  const bins = columns.map(({ values }, feature) => binColumn(values, edges[feature] ?? new Float32Array(0)));
  return { rows, bins, edges };
}

function chooseEdges(values: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(values.length / EDGE_SAMPLE));
  const sample = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let row = 0; row < values.length; row += step) {
    const value = values[row] ?? Number.NaN;
    if (!Number.isNaN(value)) sample[count++] = value;
  }
  const sorted = sample.subarray(0, count).toSorted();
  const distinct: number[] = [];
  for (const value of sorted) if (distinct.at(-1) !== value) distinct.push(value);
  if (distinct.length <= MAX_BINS) return edgesBetween(distinct);
  const cuts: number[] = [];
  for (let bin = 1; bin < MAX_BINS; bin += 1) {
    const at = Math.floor((bin * count) / MAX_BINS);
    const [below = 0, above = 0] = [sorted[at - 1], sorted[at]];
    const edge = between(below, above);
    if (edge > (cuts.at(-1) ?? -Infinity)) cuts.push(edge);
  }
  return Float32Array.from(cuts);
}

function edgesBetween(distinct: readonly number[]): Float32Array {
  return Float32Array.from(distinct.slice(0, -1), (value, index) =>
    between(value, distinct[index + 1] ?? value),
  );
}

/** A float32 from `below` on and under `above`. */
function between(below: number, above: number): number {
  if (below === above) return below;
  const middle = Math.fround(below / 2 + above / 2);
  return Number.isFinite(middle) && middle >= below && middle < above ? middle : below;
}

function binColumn(values: Float32Array, edges: Float32Array): Uint8Array {
  const bins = new Uint8Array(values.length);
  const last = edges.length;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] as number;
    if (value !== value) {
      bins[row] = MISSING_BIN;
      continue;
    }
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (edges[middle] as number)) high = middle;
      else low = middle + 1;
    }
    bins[row] = low;
  }
  return bins;
}

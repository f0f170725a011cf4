import { blockSize, type FitMemory } from './fit-memory.ts';

/** Most bins of a feature; one more is for missing values. */
const MAX_BINS = 255;

/** Rows looked at to choose edges: every n-th, so that the choice is the same each time. */
const EDGE_SAMPLE = 200_000;

/**
 * Chooses bins: one for each distinct value while there are at most 255, else of equal frequency. Upper edges
 * are given: bin b holds values ≤ edges[b], and there is one bin more. Edges are float32 and lie between
 * values, so that a model in float32 sends every row the way training did.
 */
export function chooseEdges(values: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(values.length / EDGE_SAMPLE));
  const sample = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let row = 0; row < values.length; row += step) {
    const value = values[row] ?? Number.NaN;
    if (!Number.isNaN(value)) sample[count++] = value;
  }
  const sorted = sample.subarray(0, count).toSorted();
  const distinct: number[] = [];
  for (const value of sorted) {
    if (distinct.at(-1) !== value) distinct.push(value);
    if (distinct.length > MAX_BINS) break;
  }
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

/**
 * Bins of one block of rows: by feature, and in words of four bytes by row. A missing value's bin is the one
 * after the last.
 */
export function binRows({ rows, words, values, edges, bins, columns }: FitMemory, block: number): void {
  const size = blockSize(rows);
  const begin = block * size;
  const end = Math.min(rows, begin + size);
  for (const [feature, raw] of values.entries()) {
    const column = columns[feature] as Uint8Array;
    const upper = edges[feature] as Float32Array;
    const missing = upper.length + 1;
    const grid = gridOf(upper);
    const shift = (feature & 3) * 8;
    for (let row = begin, at = row * words + (feature >> 2); row < end; row += 1, at += words) {
      const value = raw[row] as number;
      const bin = value === value ? binOf(value, upper, grid) : missing;
      column[row] = bin;
      bins[at] = (bins[at] as number) | (bin << shift);
    }
  }
}

/** Cells of equal width between the first edge and the last: a value's cell leaves few edges to look at. */
interface Grid {
  readonly from: number;
  readonly scale: number;
  /** Edges in the cells before each cell; one more for the end. */
  readonly before: Uint8Array;
}

const CELLS = 2048;

function gridOf(edges: Float32Array): Grid {
  const from = edges[0] ?? 0;
  const width = (edges.at(-1) ?? 0) - from;
  // Where edges are infinite all values share one cell, and all edges are looked at.
  const scale =
    width > 0 && Number.isFinite((CELLS - 1) / width) && Number.isFinite(width) ? (CELLS - 1) / width : 0;
  const before = new Uint8Array(CELLS + 1);
  for (const edge of edges) {
    const after = cellOf(edge, from, scale) + 1;
    before[after] = (before[after] as number) + 1;
  }
  for (let cell = 1; cell <= CELLS; cell += 1)
    before[cell] = (before[cell] as number) + (before[cell - 1] as number);
  return { from, scale, before };
}

/** Never lower for a greater value: so all edges in lower cells are below a value, those in higher ones above. */
function cellOf(value: number, from: number, scale: number): number {
  const cell = (value - from) * scale;
  return cell >= CELLS - 1 ? CELLS - 1 : cell > 0 ? Math.trunc(cell) : 0;
}

function binOf(value: number, edges: Float32Array, { from, scale, before }: Grid): number {
  const cell = cellOf(value, from, scale);
  let low = before[cell] as number;
  let high = before[cell + 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (edges[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

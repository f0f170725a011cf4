import { blockSize, type FitMemory } from './fit-memory.ts';

/**
 * Sums gradients and hessians of the rows of one block by bin, for every feature. One block alone writes to
 * the leaf's histogram, several to one each, which are added up when the leaf is settled.
 *
 * @param args where the rows begin and end in `order`, the output, and the histogram
 */
export function countRows(memory: FitMemory, block: number, args: Float64Array): void {
  const [from = 0, to = 0, output = 0, histogram = 0] = args;
  const { width, offsets } = memory;
  const size = blockSize(to - from);
  const isOnly = size >= to - from;
  const sums = isOnly ? memory.histograms : memory.partial;
  const base = (isOnly ? histogram : block) * width;
  sums.fill(0, base, base + width);
  const rows: Rows = {
    order: memory.order,
    from: from + block * size,
    to: Math.min(to, from + (block + 1) * size),
    bins: memory.bins,
    words: memory.words,
    derivatives: memory.derivatives[output] as Float32Array,
  };
  const features = offsets.length - 1;
  const slot = (feature: number): number => base + (offsets[Math.min(feature, features)] as number);
  let feature = 0;
  for (; features - feature > 4; feature += 8) countEight(rows, feature >> 2, sums, slot, feature);
  for (; features - feature > 2; feature += 4) countFour(rows, feature >> 2, sums, slot, feature);
  for (; feature < features; feature += 1) countOne(rows, feature, sums, slot(feature));
}

interface Rows {
  readonly order: Int32Array;
  readonly from: number;
  readonly to: number;
  readonly bins: Int32Array;
  readonly words: number;
  readonly derivatives: Float32Array;
}

/**
 * Eight features in one pass: adding to a bin waits for the addition before it, and eight bins wait side by
 * side. Each bin still sees its rows in order. Features that are not there have a bin after the last one.
 */
function countEight(
  { order, from, to, bins, words, derivatives }: Rows,
  word: number,
  sums: Float64Array,
  slot: (feature: number) => number,
  feature: number,
): void {
  const [a, b, c, d] = [slot(feature), slot(feature + 1), slot(feature + 2), slot(feature + 3)];
  const [e, f, g, h] = [slot(feature + 4), slot(feature + 5), slot(feature + 6), slot(feature + 7)];
  for (let at = from; at < to; at += 1) {
    const row = order[at] as number;
    const gradient = derivatives[2 * row] as number;
    const hessian = derivatives[2 * row + 1] as number;
    const first = bins[row * words + word] as number;
    const second = bins[row * words + word + 1] as number;
    const atA = a + ((first << 1) & 510);
    sums[atA] = (sums[atA] as number) + gradient;
    sums[atA + 1] = (sums[atA + 1] as number) + hessian;
    const atB = b + ((first >>> 7) & 510);
    sums[atB] = (sums[atB] as number) + gradient;
    sums[atB + 1] = (sums[atB + 1] as number) + hessian;
    const atC = c + ((first >>> 15) & 510);
    sums[atC] = (sums[atC] as number) + gradient;
    sums[atC + 1] = (sums[atC + 1] as number) + hessian;
    const atD = d + ((first >>> 23) & 510);
    sums[atD] = (sums[atD] as number) + gradient;
    sums[atD + 1] = (sums[atD + 1] as number) + hessian;
    const atE = e + ((second << 1) & 510);
    sums[atE] = (sums[atE] as number) + gradient;
    sums[atE + 1] = (sums[atE + 1] as number) + hessian;
    const atF = f + ((second >>> 7) & 510);
    sums[atF] = (sums[atF] as number) + gradient;
    sums[atF + 1] = (sums[atF + 1] as number) + hessian;
    const atG = g + ((second >>> 15) & 510);
    sums[atG] = (sums[atG] as number) + gradient;
    sums[atG + 1] = (sums[atG + 1] as number) + hessian;
    const atH = h + ((second >>> 23) & 510);
    sums[atH] = (sums[atH] as number) + gradient;
    sums[atH + 1] = (sums[atH + 1] as number) + hessian;
  }
}

function countFour(
  { order, from, to, bins, words, derivatives }: Rows,
  word: number,
  sums: Float64Array,
  slot: (feature: number) => number,
  feature: number,
): void {
  const [a, b, c, d] = [slot(feature), slot(feature + 1), slot(feature + 2), slot(feature + 3)];
  for (let at = from; at < to; at += 1) {
    const row = order[at] as number;
    const gradient = derivatives[2 * row] as number;
    const hessian = derivatives[2 * row + 1] as number;
    const first = bins[row * words + word] as number;
    const atA = a + ((first << 1) & 510);
    sums[atA] = (sums[atA] as number) + gradient;
    sums[atA + 1] = (sums[atA + 1] as number) + hessian;
    const atB = b + ((first >>> 7) & 510);
    sums[atB] = (sums[atB] as number) + gradient;
    sums[atB + 1] = (sums[atB + 1] as number) + hessian;
    const atC = c + ((first >>> 15) & 510);
    sums[atC] = (sums[atC] as number) + gradient;
    sums[atC + 1] = (sums[atC + 1] as number) + hessian;
    const atD = d + ((first >>> 23) & 510);
    sums[atD] = (sums[atD] as number) + gradient;
    sums[atD + 1] = (sums[atD + 1] as number) + hessian;
  }
}

function countOne(
  { order, from, to, bins, words, derivatives }: Rows,
  feature: number,
  sums: Float64Array,
  slot: number,
): void {
  const word = feature >> 2;
  const shift = (feature & 3) * 8;
  for (let at = from; at < to; at += 1) {
    const row = order[at] as number;
    const bin = slot + (((bins[row * words + word] as number) >>> shift) & 255) * 2;
    sums[bin] = (sums[bin] as number) + (derivatives[2 * row] as number);
    sums[bin + 1] = (sums[bin + 1] as number) + (derivatives[2 * row + 1] as number);
  }
}

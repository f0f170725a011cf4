import { blockSize, type FitMemory } from './fit-memory.ts';

/**
 * Writes the rows of one block of a leaf down as left or right, in order, and how many go left. Each row is
 * written to both sides and one of them moves on: which one cannot be guessed, so a branch would be slow.
 *
 * @param args where the leaf begins and ends in `order`, and the feature asked
 */
export function partRows(memory: FitMemory, block: number, args: Float64Array): void {
  const [from = 0, to = 0, feature = 0] = args;
  const { order, leftRows, rightRows, goesLeft, sums } = memory;
  const bins = memory.columns[feature] as Uint8Array;
  const size = blockSize(to - from);
  const begin = from + block * size;
  const end = Math.min(to, begin + size);
  let [left, right] = [begin, begin];
  for (let at = begin; at < end; at += 1) {
    const row = order[at] as number;
    const goes = goesLeft[bins[row] as number] as number;
    leftRows[left] = row;
    rightRows[right] = row;
    left += goes;
    right += 1 - goes;
  }
  sums[block] = left - begin;
}

/** Puts a block's rows where they belong: behind those of the blocks before it, left ones before right ones. */
export function moveRows(memory: FitMemory, block: number, args: Float64Array): void {
  const [from = 0, to = 0] = args;
  const { order, leftRows, rightRows, sums } = memory;
  const size = blockSize(to - from);
  const begin = from + block * size;
  const end = Math.min(to, begin + size);
  const lefts = sums[block] as number;
  let [before, all] = [0, 0];
  for (let other = 0, last = Math.ceil((to - from) / size); other < last; other += 1) {
    if (other < block) before += sums[other] as number;
    all += sums[other] as number;
  }
  order.set(leftRows.subarray(begin, begin + lefts), from + before);
  order.set(rightRows.subarray(begin, end - lefts), from + all + (begin - from) - before);
}

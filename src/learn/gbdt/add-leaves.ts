import { blockSize, type FitMemory } from './fit-memory.ts';

/**
 * Adds a tree's leaves to the scores of the rows in them, and puts the rows back in order.
 *
 * @param args the output, and the number of leaves
 */
export function addLeaves(memory: FitMemory, block: number, args: Float64Array): void {
  const [output = 0, leaves = 0] = args;
  const { order, leafFrom, leafValue, rows } = memory;
  const scores = memory.scores[output] as Float64Array;
  const size = blockSize(rows);
  const begin = block * size;
  const end = Math.min(rows, begin + size);
  let leaf = 0;
  for (let at = begin; at < end; ) {
    while (leaf + 1 < leaves && (leafFrom[leaf + 1] as number) <= at) leaf += 1;
    const value = leafValue[leaf] as number;
    const stop = leaf + 1 < leaves ? Math.min(end, leafFrom[leaf + 1] as number) : end;
    for (; at < stop; at += 1) {
      const row = order[at] as number;
      scores[row] = (scores[row] as number) + value;
      order[at] = at;
    }
  }
}

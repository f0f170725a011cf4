import { BIN_WIDTH, findSplit, SPLIT_WIDTH } from './find-split.ts';
import { blockSize, blocksOf, type FitMemory } from './fit-memory.ts';

/**
 * For one block of features: adds up the histograms that the blocks of rows left, takes the smaller child's
 * from its parent's, which makes the larger child's of it, and finds the best split of both children.
 *
 * @param args rows counted; histograms of the smaller child and of the other (-1: there is none); gradient,
 * hessian and rows of each child (0 rows: it stays whole); least samples, least hessian and L2 of a leaf
 */
export function settleFeatures(memory: FitMemory, block: number, args: Float64Array): void {
  const [counted = 0, small = 0, large = 0] = args;
  const { offsets, histograms, partial, width, found } = memory;
  const features = offsets.length - 1;
  const size = featuresInBlock(features);
  const first = block * size;
  const stop = Math.min(features, first + size);
  const begin = offsets[first] as number;
  const length = (offsets[stop] as number) - begin;
  const smallFrom = small * width + begin;
  const blocks = blockSize(counted) >= counted ? 1 : blocksOf(counted);
  if (blocks > 1) {
    histograms.set(partial.subarray(begin, begin + length), smallFrom);
    for (let other = 1; other < blocks; other += 1) {
      const from = other * width + begin;
      for (let at = 0; at < length; at += 1)
        histograms[smallFrom + at] = (histograms[smallFrom + at] as number) + (partial[from + at] as number);
    }
  }
  if (large !== -1) {
    const largeFrom = large * width + begin;
    for (let at = 0; at < length; at += 1)
      histograms[largeFrom + at] =
        (histograms[largeFrom + at] as number) - (histograms[smallFrom + at] as number);
  }
  const rules = { minSamplesLeaf: args[9] as number, minHessian: args[10] as number, l2: args[11] as number };
  for (let child = 0; child < 2; child += 1) {
    const [gradient = 0, hessian = 0, rows = 0] = args.subarray(3 + child * 3, 6 + child * 3);
    if (rows === 0) continue;
    const base = (child === 0 ? small : large) * width;
    for (let feature = first; feature < stop; feature += 1)
      findSplit(
        histograms,
        base + (offsets[feature] as number),
        base + (offsets[feature + 1] as number) - BIN_WIDTH,
        { gradient, hessian, rows },
        rules,
        found,
        (child * features + feature) * SPLIT_WIDTH,
      );
  }
}

/** Features are settled in up to 64 blocks. */
function featuresInBlock(features: number): number {
  return Math.ceil(features / 64);
}

export function featureBlocks(features: number): number {
  return Math.ceil(features / featuresInBlock(features));
}

import type { Values } from '../tensor.ts';

/** A binary tree in arrays; node 0 is the root. */
export interface EnsembleTree {
  /** To which score its leaves are added. */
  readonly target: number;
  /** Feature that a node asks; -1 for a leaf. */
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** 1 where a missing value goes left. */
  readonly missingLeft: Uint8Array;
  readonly value: Float64Array;
}

/** Trees ready to be summed over blocks of rows. */
export interface LeafMasks {
  /** Adds the leaf of each tree that each row ends in to the scores, tree by tree. */
  addTo(scores: readonly Float64Array[], columns: readonly Values[]): void;
}

interface MaskedTree {
  readonly target: number;
  /** One for each feature that it asks, `at` the start of that feature's masks, by rank. */
  readonly asks: readonly { readonly feature: number; readonly at: number }[];
  readonly masks: Int32Array;
  /** The mask that rules out no leaf. */
  readonly all: number;
  readonly leaves: Float64Array;
}

const LEAVES = 32;
/** Masks of all trees, in bytes: beyond it a tree is better walked through. */
const MAX_BYTES = 2 ** 26;

/**
 * Trees of at most 32 leaves without a walk through their nodes, whose every branch would be a guess of the
 * processor: a value of a feature rules out leaves, the same for all rows that have it, as bits of a number; the
 * one bit that no feature rules out is the leaf. Values count by their rank among the thresholds of all trees.
 * After Lucchese et al., QuickScorer (SIGIR 2015). Undefined where the trees do not fit.
 */
export function leafMasks(trees: readonly EnsembleTree[], features: number): LeafMasks | undefined {
  const thresholds = thresholdsOf(trees, features);
  let bytes = 0;
  for (const tree of trees) {
    if (tree.feature.filter((feature) => feature === -1).length > LEAVES) return undefined;
    for (const feature of asked(tree)) bytes += 4 * ((thresholds[feature] as Float64Array).length + 2);
  }
  if (bytes > MAX_BYTES) return undefined;
  const masked = trees.map((tree) => maskedTree(tree, thresholds));
  let ranks: Int32Array[] = [];
  let left = new Int32Array(0);
  return {
    addTo(scores, columns) {
      const rows = (columns[0] as Values).length;
      if (left.length < rows) {
        left = new Int32Array(rows);
        ranks = thresholds.map(() => new Int32Array(rows));
      }
      for (const [feature, all] of thresholds.entries())
        rankColumn(columns[feature] as Values, all, ranks[feature] as Int32Array);
      for (const tree of masked) addTree(tree, ranks, left, rows, scores[tree.target] as Float64Array);
    },
  };
}

function addTree(
  { asks, masks, all, leaves }: MaskedTree,
  ranks: readonly Int32Array[],
  left: Int32Array,
  rows: number,
  scores: Float64Array,
): void {
  left.fill(all, 0, rows);
  for (const { feature, at } of asks) {
    const own = ranks[feature] as Int32Array;
    for (let row = 0; row < rows; row += 1)
      left[row] = (left[row] as number) & (masks[at + (own[row] as number)] as number);
  }
  for (let row = 0; row < rows; row += 1)
    scores[row] = (scores[row] as number) + (leaves[31 - Math.clz32(left[row] as number)] as number);
}

/** How many thresholds are below each value; one more than there are for what is missing. */
function rankColumn(values: Values, thresholds: Float64Array, ranks: Int32Array): void {
  const missing = thresholds.length + 1;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] as number;
    let low = 0;
    let high = thresholds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((thresholds[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    ranks[row] = value === value ? low : missing;
  }
}

function maskedTree(tree: EnsembleTree, thresholds: readonly Float64Array[]): MaskedTree {
  const leaves = new Float64Array(LEAVES);
  const below = new Int32Array(tree.feature.length);
  let count = 0;
  const visit = (node: number): number => {
    if (tree.feature[node] === -1) {
      leaves[count] = tree.value[node] as number;
      below[node] = 1 << count;
      count += 1;
    } else below[node] = visit(tree.left[node] as number) | visit(tree.right[node] as number);
    return below[node];
  };
  const whole = visit(0);
  const asks: { feature: number; at: number }[] = [];
  const masks: number[] = [];
  for (const feature of asked(tree)) {
    const all = thresholds[feature] as Float64Array;
    const own = new Int32Array(all.length + 2).fill(-1);
    for (const [node, one] of tree.feature.entries()) {
      if (one !== feature) continue;
      const [ifRight, ifLeft] = [
        ~(below[tree.left[node] as number] as number),
        ~(below[tree.right[node] as number] as number),
      ];
      const last = all.indexOf(tree.threshold[node] as number);
      for (let rank = 0; rank <= all.length; rank += 1)
        own[rank] = (own[rank] as number) & (rank <= last ? ifLeft : ifRight);
      own[all.length + 1] =
        (own[all.length + 1] as number) & (tree.missingLeft[node] === 1 ? ifLeft : ifRight);
    }
    asks.push({ feature, at: masks.length });
    for (const mask of own) masks.push(mask);
  }
  return { target: tree.target, asks, masks: Int32Array.from(masks), all: whole, leaves };
}

function asked({ feature }: EnsembleTree): number[] {
  return [...new Set(feature)].filter((one) => one !== -1);
}

/** Different thresholds of each feature in all trees, the least first. */
function thresholdsOf(trees: readonly EnsembleTree[], features: number): Float64Array[] {
  const sets = Array.from({ length: features }, () => new Set<number>());
  for (const { feature, threshold } of trees)
    for (const [node, one] of feature.entries()) if (one !== -1) sets[one]?.add(threshold[node] as number);
  return sets.map((set) => Float64Array.from(set).toSorted());
}

import type { Tree } from '../model.ts';
import { type BinnedFeatures, MISSING_BIN } from './bin-features.ts';
import { BIN_WIDTH, FEATURE_WIDTH, findSplit, type Split, type SplitRules, type Sums } from './find-split.ts';

export interface TreeRules extends SplitRules {
  readonly maxLeafNodes: number;
  readonly maxDepth: number;
  readonly learningRate: number;
}

interface Leaf {
  readonly node: number;
  readonly depth: number;
  /** Rows of the leaf are `order[from … to)`. */
  readonly from: number;
  readonly to: number;
  readonly sums: Sums;
  readonly histogram: Float64Array;
  readonly split: Split | undefined;
}

/** Grows one tree, the leaf with the most to gain first. Keeps its buffers between trees. */
export class TreeGrower {
  readonly #data: BinnedFeatures;
  readonly #rules: TreeRules;
  readonly #features: readonly number[];
  readonly #binCounts: readonly number[];
  readonly #order: Int32Array;
  readonly #scratch: Int32Array;
  readonly #gradients: Float64Array;
  readonly #hessians: Float64Array;
  readonly #pool: Float64Array[] = [];
  /** Sum of what each feature's splits gained. */
  readonly gains: Float64Array;

  constructor(data: BinnedFeatures, rules: TreeRules) {
    this.#data = data;
    this.#rules = rules;
    this.#features = data.bins.map((_, feature) => feature);
    this.#binCounts = data.edges.map((edges) => edges.length + 1);
    this.#order = new Int32Array(data.rows);
    this.#scratch = new Int32Array(data.rows);
    this.#gradients = new Float64Array(data.rows);
    this.#hessians = new Float64Array(data.rows);
    this.gains = new Float64Array(data.bins.length);
  }

  /**
   * A tree fitted to gradients and hessians, and its leaf values added to `scores`.
   *
   * @param gradient of each row, weight included
   * @param hessian of each row, weight included
   */
  grow(gradient: Float64Array, hessian: Float64Array, scores: Float64Array): Tree {
    const { rows } = this.#data;
    const order = this.#order;
    for (let row = 0; row < rows; row += 1) order[row] = row;
    const nodes = new NodeList();
    const root = this.#leaf(nodes.add(), 0, 0, rows, sumsOf(gradient, hessian), gradient, hessian);
    const leaves = [root];
    while (leaves.length < this.#rules.maxLeafNodes) {
      const at = bestLeaf(leaves);
      const leaf = leaves[at];
      if (leaf?.split === undefined) break;
      const [left, right] = this.#split(leaf, leaf.split, nodes, gradient, hessian);
      leaves.splice(at, 1, left, right);
    }
    for (const leaf of leaves) {
      const value = Math.fround(
        (-this.#rules.learningRate * leaf.sums.gradient) / (leaf.sums.hessian + this.#rules.l2),
      );
      nodes.setValue(leaf.node, value);
      for (let at = leaf.from; at < leaf.to; at += 1) {
        const row = order[at] as number;
        scores[row] = (scores[row] as number) + value;
      }
      this.#pool.push(leaf.histogram);
    }
    return nodes.tree();
  }

  #leaf(
    node: number,
    depth: number,
    from: number,
    to: number,
    sums: Sums,
    gradient: Float64Array,
    hessian: Float64Array,
    known?: Float64Array,
  ): Leaf {
    const histogram = known ?? this.#count(from, to, gradient, hessian);
    const maySplit = depth < this.#rules.maxDepth && sums.rows >= 2 * this.#rules.minSamplesLeaf;
    const split = maySplit
      ? findSplit(histogram, this.#features, this.#binCounts, sums, this.#rules)
      : undefined;
    return { node, depth, from, to, sums, histogram, split };
  }

  #split(
    leaf: Leaf,
    split: Split,
    nodes: NodeList,
    gradient: Float64Array,
    hessian: Float64Array,
  ): [Leaf, Leaf] {
    const middle = this.#part(leaf, split);
    const edge = this.#data.edges[split.feature]?.[split.bin] ?? Infinity;
    const [left, right] = nodes.branch(leaf.node, split.feature, edge, split.missingLeft);
    this.gains[split.feature] = (this.gains[split.feature] ?? 0) + split.gain;
    const depth = leaf.depth + 1;
    // The larger child's histogram is its parent's less the smaller one's.
    const leftIsSmall = middle - leaf.from <= leaf.to - middle;
    const small = leftIsSmall
      ? this.#count(leaf.from, middle, gradient, hessian)
      : this.#count(middle, leaf.to, gradient, hessian);
    const large = leaf.histogram;
    for (let at = 0; at < large.length; at += 1) large[at] = (large[at] as number) - (small[at] as number);
    return [
      this.#leaf(
        left,
        depth,
        leaf.from,
        middle,
        { ...split.left, rows: middle - leaf.from },
        gradient,
        hessian,
        leftIsSmall ? small : large,
      ),
      this.#leaf(
        right,
        depth,
        middle,
        leaf.to,
        { ...split.right, rows: leaf.to - middle },
        gradient,
        hessian,
        leftIsSmall ? large : small,
      ),
    ];
  }

  /** Moves the rows that go left to the front, keeping their order. Gives where the others begin. */
  #part({ from, to }: Leaf, { feature, bin, missingLeft }: Split): number {
    const bins = this.#data.bins[feature] as Uint8Array;
    const order = this.#order;
    const scratch = this.#scratch;
    let left = from;
    let right = 0;
    for (let at = from; at < to; at += 1) {
      const row = order[at] as number;
      const value = bins[row] as number;
      if (value === MISSING_BIN ? missingLeft : value <= bin) order[left++] = row;
      else scratch[right++] = row;
    }
    order.set(scratch.subarray(0, right), left);
    return left;
  }

  #count(from: number, to: number, gradient: Float64Array, hessian: Float64Array): Float64Array {
    const histogram = this.#pool.pop()?.fill(0) ?? new Float64Array(this.#features.length * FEATURE_WIDTH);
    const order = this.#order;
    const gradients = this.#gradients;
    const hessians = this.#hessians;
    const count = to - from;
    // Gathered once, so that each feature's pass reads them in a row.
    for (let at = 0; at < count; at += 1) {
      const row = order[from + at] as number;
      gradients[at] = gradient[row] as number;
      hessians[at] = hessian[row] as number;
    }
    const { bins } = this.#data;
    const four = bins.length - (bins.length % 4);
    for (let feature = 0; feature < four; feature += 4)
      countFour(histogram, feature, bins, order, from, count, gradients, hessians);
    for (let feature = four; feature < bins.length; feature += 1)
      countOne(histogram, feature, bins, order, from, count, gradients, hessians);
    return histogram;
  }
}

/**
 * Four features in one pass: adding to a bin waits for the addition before it, and four bins wait side by
 * side. Each bin still sees its rows in order, so the sums are those of one feature at a time.
 */
function countFour(
  histogram: Float64Array,
  feature: number,
  bins: readonly Uint8Array[],
  order: Int32Array,
  from: number,
  count: number,
  gradients: Float64Array,
  hessians: Float64Array,
): void {
  const [a, b, c, d] = [
    bins[feature],
    bins[feature + 1],
    bins[feature + 2],
    bins[feature + 3],
  ] as Uint8Array[] as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const base = feature * FEATURE_WIDTH;
  for (let at = 0; at < count; at += 1) {
    const row = order[from + at] as number;
    const gradient = gradients[at] as number;
    const hessian = hessians[at] as number;
    const slotA = base + (a[row] as number) * BIN_WIDTH;
    const slotB = base + FEATURE_WIDTH + (b[row] as number) * BIN_WIDTH;
    const slotC = base + 2 * FEATURE_WIDTH + (c[row] as number) * BIN_WIDTH;
    const slotD = base + 3 * FEATURE_WIDTH + (d[row] as number) * BIN_WIDTH;
    histogram[slotA] = (histogram[slotA] as number) + gradient;
    histogram[slotA + 1] = (histogram[slotA + 1] as number) + hessian;
    histogram[slotB] = (histogram[slotB] as number) + gradient;
    histogram[slotB + 1] = (histogram[slotB + 1] as number) + hessian;
    histogram[slotC] = (histogram[slotC] as number) + gradient;
    histogram[slotC + 1] = (histogram[slotC + 1] as number) + hessian;
    histogram[slotD] = (histogram[slotD] as number) + gradient;
    histogram[slotD + 1] = (histogram[slotD + 1] as number) + hessian;
  }
}

function countOne(
  histogram: Float64Array,
  feature: number,
  bins: readonly Uint8Array[],
  order: Int32Array,
  from: number,
  count: number,
  gradients: Float64Array,
  hessians: Float64Array,
): void {
  const own = bins[feature] as Uint8Array;
  const base = feature * FEATURE_WIDTH;
  for (let at = 0; at < count; at += 1) {
    const slot = base + (own[order[from + at] as number] as number) * BIN_WIDTH;
    histogram[slot] = (histogram[slot] as number) + (gradients[at] as number);
    histogram[slot + 1] = (histogram[slot + 1] as number) + (hessians[at] as number);
  }
}

function sumsOf(gradient: Float64Array, hessian: Float64Array): Sums {
  let [sumGradient, sumHessian] = [0, 0];
  for (let row = 0; row < gradient.length; row += 1) {
    sumGradient += gradient[row] as number;
    sumHessian += hessian[row] as number;
  }
  return { gradient: sumGradient, hessian: sumHessian, rows: gradient.length };
}

function bestLeaf(leaves: readonly Leaf[]): number {
  let best = 0;
  for (let at = 1; at < leaves.length; at += 1)
    if ((leaves[at]?.split?.gain ?? 0) > (leaves[best]?.split?.gain ?? 0)) best = at;
  return best;
}

/** A tree while it grows. */
class NodeList {
  readonly #feature: number[] = [];
  readonly #threshold: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #missingLeft: number[] = [];
  readonly #value: number[] = [];

  add(): number {
    this.#feature.push(-1);
    this.#threshold.push(0);
    this.#left.push(-1);
    this.#right.push(-1);
    this.#missingLeft.push(0);
    this.#value.push(0);
    return this.#feature.length - 1;
  }

  branch(
    node: number,
    feature: number,
    threshold: number,
    missingLeft: boolean,
  ): [left: number, right: number] {
    const [left, right] = [this.add(), this.add()];
    this.#feature[node] = feature;
    this.#threshold[node] = threshold;
    this.#left[node] = left;
    this.#right[node] = right;
    this.#missingLeft[node] = missingLeft ? 1 : 0;
    return [left, right];
  }

  setValue(node: number, value: number): void {
    this.#value[node] = value;
  }

  tree(): Tree {
    return {
      feature: Int32Array.from(this.#feature),
      threshold: Float32Array.from(this.#threshold),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      missingLeft: Uint8Array.from(this.#missingLeft),
      value: Float32Array.from(this.#value),
    };
  }
}

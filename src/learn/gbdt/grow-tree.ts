import type { Tree } from '../model.ts';
import type { Crew } from './crew.ts';
import { bestOf, SPLIT_WIDTH, type Split, type SplitRules, type Sums } from './find-split.ts';
import { blocksOf, type FitMemory } from './fit-memory.ts';
import { NodeList } from './node-list.ts';
import { featureBlocks } from './settle-leaf.ts';

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
  /** Its histogram and how to split it; undefined for a leaf that stays whole. */
  readonly next: { readonly histogram: number; readonly split: Split } | undefined;
}

type Place = Omit<Leaf, 'next'>;

/**
 * Most histograms there are at once: of leaves that may still be split, which have rows enough for two, and
 * of one child besides.
 */
export function histogramsFor(rows: number, { maxLeafNodes, minSamplesLeaf }: TreeRules): number {
  return Math.min(maxLeafNodes, Math.floor(rows / (2 * minSamplesLeaf))) + 2;
}

/** Grows trees, the leaf with the most to gain first. */
export class TreeGrower {
  readonly #memory: FitMemory;
  readonly #crew: Crew;
  readonly #rules: TreeRules;
  readonly #features: number;
  /** Histograms that nothing needs. */
  readonly #free: number[];
  /** Sum of what each feature's splits gained. */
  readonly gains: Float64Array;

  constructor(memory: FitMemory, crew: Crew, rules: TreeRules) {
    this.#memory = memory;
    this.#crew = crew;
    this.#rules = rules;
    this.#features = memory.edges.length;
    this.#free = Array.from({ length: histogramsFor(memory.rows, rules) }, (_, at) => at);
    this.gains = new Float64Array(this.#features);
  }

  /** A tree fitted to the derivatives of an output, and its leaf values added to the scores. */
  grow(output: number, sums: Sums): Tree {
    const nodes = new NodeList();
    const leaves = [this.#root({ node: nodes.add(), depth: 0, from: 0, to: sums.rows, sums }, output)];
    while (leaves.length < this.#rules.maxLeafNodes) {
      const at = bestLeaf(leaves);
      const leaf = leaves[at] as Leaf;
      if (leaf.next === undefined) break;
      leaves.splice(at, 1, ...this.#split(leaf, leaf.next, nodes, output));
    }
    const { leafFrom, leafValue, rows } = this.#memory;
    for (const [at, leaf] of leaves.entries()) {
      const { gradient, hessian } = leaf.sums;
      const value = Math.fround((-this.#rules.learningRate * gradient) / (hessian + this.#rules.l2));
      nodes.setValue(leaf.node, value);
      leafFrom[at] = leaf.from;
      leafValue[at] = value;
      if (leaf.next !== undefined) this.#free.push(leaf.next.histogram);
    }
    this.#crew.run('add-leaves', blocksOf(rows), output, leaves.length);
    return nodes.tree();
  }

  #root(place: Place, output: number): Leaf {
    if (!this.#maySplit(place)) return { ...place, next: undefined };
    const histogram = this.#take();
    const { from, to } = place;
    this.#crew.run('count', blocksOf(to - from), from, to, output, histogram);
    this.#settle(to - from, histogram, -1, place, undefined);
    return this.#leaf(place, histogram, 0);
  }

  #split(
    leaf: Leaf,
    { histogram, split }: NonNullable<Leaf['next']>,
    nodes: NodeList,
    output: number,
  ): Leaf[] {
    const middle = this.#part(leaf, split);
    const edge = this.#memory.edges[split.feature]?.[split.bin] ?? Infinity;
    const [leftNode, rightNode] = nodes.branch(leaf.node, split.feature, edge, split.missingLeft);
    this.gains[split.feature] = (this.gains[split.feature] ?? 0) + split.gain;
    const depth = leaf.depth + 1;
    const [from, to] = [leaf.from, leaf.to];
    const left = { node: leftNode, depth, from, to: middle, sums: { ...split.left, rows: middle - from } };
    const right = { node: rightNode, depth, from: middle, to, sums: { ...split.right, rows: to - middle } };
    if (!this.#maySplit(left) && !this.#maySplit(right)) {
      this.#free.push(histogram);
      return [left, right].map((place) => ({ ...place, next: undefined }));
    }
    // The larger child's histogram is its parent's less the smaller one's.
    const leftIsSmall = left.sums.rows <= right.sums.rows;
    const [small, large] = leftIsSmall ? [left, right] : [right, left];
    const counted = small.to - small.from;
    const smallHistogram = this.#take();
    this.#crew.run('count', blocksOf(counted), small.from, small.to, output, smallHistogram);
    this.#settle(counted, smallHistogram, histogram, small, large);
    const smallLeaf = this.#leaf(small, smallHistogram, 0);
    const largeLeaf = this.#leaf(large, histogram, 1);
    return leftIsSmall ? [smallLeaf, largeLeaf] : [largeLeaf, smallLeaf];
  }

  #maySplit({ depth, sums }: Place): boolean {
    return depth < this.#rules.maxDepth && sums.rows >= 2 * this.#rules.minSamplesLeaf;
  }

  /** Moves the rows that go left to the front, keeping their order. Gives where the others begin. */
  #part({ from, to }: Leaf, { feature, bin, missingLeft }: Split): number {
    const { edges, goesLeft, sums } = this.#memory;
    goesLeft.fill(1, 0, bin + 1).fill(0, bin + 1);
    // A split between values and missing ones may have no value to the right.
    goesLeft[(edges[feature] as Float32Array).length + 1] = missingLeft ? 1 : 0;
    const blocks = blocksOf(to - from);
    this.#crew.run('part', blocks, from, to, feature);
    this.#crew.run('move', blocks, from, to);
    let middle = from;
    for (let block = 0; block < blocks; block += 1) middle += sums[block] as number;
    return middle;
  }

  #settle(counted: number, small: number, large: number, first: Place, second: Place | undefined): void {
    const { minSamplesLeaf, minHessian, l2 } = this.#rules;
    this.#crew.run(
      'settle',
      featureBlocks(this.#features),
      counted,
      small,
      large,
      ...this.#searched(first),
      ...this.#searched(second),
      minSamplesLeaf,
      minHessian,
      l2,
    );
  }

  #searched(place: Place | undefined): [gradient: number, hessian: number, rows: number] {
    if (place === undefined || !this.#maySplit(place)) return [0, 0, 0];
    const { gradient, hessian, rows } = place.sums;
    return [gradient, hessian, rows];
  }

  #leaf(place: Place, histogram: number, child: 0 | 1): Leaf {
    const from = child * this.#features * SPLIT_WIDTH;
    const split = this.#maySplit(place)
      ? bestOf(this.#memory.found, from, this.#features, place.sums)
      : undefined;
    if (split !== undefined) return { ...place, next: { histogram, split } };
    this.#free.push(histogram);
    return { ...place, next: undefined };
  }

  #take(): number {
    const histogram = this.#free.pop();
    if (histogram === undefined) throw new Error('Internal error: no histogram is free');
    return histogram;
  }
}

function bestLeaf(leaves: readonly Leaf[]): number {
  let best = 0;
  for (let at = 1; at < leaves.length; at += 1)
    if ((leaves[at]?.next?.split.gain ?? 0) > (leaves[best]?.next?.split.gain ?? 0)) best = at;
  return best;
}

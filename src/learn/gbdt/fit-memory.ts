import type { Task } from '../model.ts';

/**
 * What a fit computes on, in memory that all of its threads see. Arrays are sized once, before the first
 * thread works on them.
 */
export interface FitMemory {
  readonly task: Task;
  readonly rows: number;
  readonly outputs: number;
  /** 32-bit words a row has in `bins`: four features each. */
  readonly words: number;
  /** Numbers in one histogram. */
  readonly width: number;
  readonly target: Float64Array;
  readonly weight: Float64Array | undefined;
  /** Raw values by feature. */
  readonly values: readonly Float32Array[];
  /** Upper edges by feature. */
  readonly edges: readonly Float32Array[];
  /** Bins, row after row, a byte a feature: for counting, which asks for all features of a row. */
  readonly bins: Int32Array;
  /** Bins by feature: for parting a leaf, which asks for one feature. */
  readonly columns: readonly Uint8Array[];
  /** By output. */
  readonly scores: readonly Float64Array[];
  /** Gradient and hessian of each row side by side, by output. */
  readonly derivatives: readonly Float32Array[];
  /** Rows, the ones of a leaf next to each other and ascending. */
  readonly order: Int32Array;
  /** Where rows wait while a leaf is parted: those for the left, and those for the right. */
  readonly leftRows: Int32Array;
  readonly rightRows: Int32Array;
  /** By bin: 1 if the leaf that is parted sends it left. */
  readonly goesLeft: Uint8Array;
  /** Where the histogram of a feature begins; one more for the end. */
  readonly offsets: Int32Array;
  readonly histograms: Float64Array;
  /** Histograms of blocks of rows, until they are added up. */
  readonly partial: Float64Array;
  /** What blocks found: the loss, then by output the sums of gradients and of hessians. */
  readonly sums: Float64Array;
  /** The best split of each feature, for both children of a leaf. */
  readonly found: Float64Array;
  /** Leaves of the tree grown last: the first place of each in `order`, and its value. */
  readonly leafFrom: Int32Array;
  readonly leafValue: Float64Array;
  /** Rows that are only watched, the tree that is added to their scores, and what they score. */
  readonly watched: WatchedMemory | undefined;
}

export interface WatchedMemory {
  readonly rows: number;
  readonly target: Float64Array;
  readonly weight: Float64Array | undefined;
  readonly values: readonly Float32Array[];
  readonly scores: readonly Float64Array[];
  readonly tree: {
    readonly feature: Int32Array;
    readonly threshold: Float32Array;
    readonly left: Int32Array;
    readonly right: Int32Array;
    readonly missingLeft: Uint8Array;
    readonly value: Float32Array;
  };
}

/** What one block of a job does. It writes where no other block of the job reads or writes. */
export type Job = (memory: FitMemory, block: number, args: Float64Array) => void;

/** Fewest rows worth a block of their own, and most blocks that some rows are cut into. */
const BLOCK_ROWS = 4096;
export const MAX_BLOCKS = 64;

/**
 * Rows of each block. It depends on how many rows there are alone: sums are formed by block and added up in
 * the order of blocks, so that they do not depend on how many threads there are.
 */
export function blockSize(rows: number): number {
  return Math.max(BLOCK_ROWS, Math.ceil(rows / MAX_BLOCKS));
}

export function blocksOf(rows: number): number {
  return Math.max(1, Math.ceil(rows / blockSize(rows)));
}

import type { Task } from '../model.ts';
import { chooseEdges } from './bin-features.ts';
import { BIN_WIDTH, SPLIT_WIDTH } from './find-split.ts';
import type { Examples } from './fit-gbdt.ts';
import { type FitMemory, MAX_BLOCKS, type WatchedMemory } from './fit-memory.ts';
import { histogramsFor, type TreeRules } from './grow-tree.ts';
import { sumsWidth } from './objective.ts';

/** Memory for a fit: the rows, all scores at the base ones, and room for what is computed. */
export function allocate(
  { features, target, weight }: Examples,
  validation: Examples | undefined,
  task: Task,
  base: readonly number[],
  rules: TreeRules,
): FitMemory {
  const { rows, columns } = features;
  const edges = columns.map(({ values }) => chooseEdges(values));
  const offsets = integers(columns.length + 1);
  // A bin more than edges, and one for missing values.
  for (const [feature, { length }] of edges.entries())
    offsets[feature + 1] = (offsets[feature] as number) + (length + 2) * BIN_WIDTH;
  // After the last feature, a bin for those that are counted to make groups full.
  const width = (offsets[columns.length] as number) + BIN_WIDTH;
  const order = integers(rows);
  for (let row = 0; row < rows; row += 1) order[row] = row;
  const words = Math.ceil(columns.length / 4);
  return {
    task,
    rows,
    outputs: base.length,
    words,
    width,
    target: sharedDoubles(target),
    weight: weight === undefined ? undefined : sharedDoubles(weight),
    values: columns.map(({ values }) => sharedFloats(values)),
    edges,
    bins: integers(rows * words),
    columns: columns.map(() => bytes(rows)),
    scores: base.map((score) => doubles(rows).fill(score)),
    derivatives: base.map(() => floats(2 * rows)),
    order,
    leftRows: integers(rows),
    rightRows: integers(rows),
    goesLeft: bytes(256),
    offsets,
    histograms: doubles(width * histogramsFor(rows, rules)),
    partial: doubles(width * MAX_BLOCKS),
    sums: doubles(MAX_BLOCKS * sumsWidth(base.length)),
    found: doubles(2 * columns.length * SPLIT_WIDTH),
    leafFrom: integers(rules.maxLeafNodes),
    leafValue: doubles(rules.maxLeafNodes),
    watched: validation === undefined ? undefined : watchedMemory(validation, base, 2 * rules.maxLeafNodes),
  };
}

function watchedMemory(
  { features, target, weight }: Examples,
  base: readonly number[],
  nodes: number,
): WatchedMemory {
  return {
    rows: features.rows,
    target: sharedDoubles(target),
    weight: weight === undefined ? undefined : sharedDoubles(weight),
    values: features.columns.map(({ values }) => sharedFloats(values)),
    scores: base.map((score) => doubles(features.rows).fill(score)),
    tree: {
      feature: integers(nodes),
      threshold: floats(nodes),
      left: integers(nodes),
      right: integers(nodes),
      missingLeft: bytes(nodes),
      value: floats(nodes),
    },
  };
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

function integers(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * length));
}

function floats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}

function doubles(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * length));
}

function sharedFloats(values: Float32Array): Float32Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const copy = floats(values.length);
  copy.set(values);
  return copy;
}

function sharedDoubles(values: Float64Array): Float64Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const copy = doubles(values.length);
  copy.set(values);
  return copy;
}

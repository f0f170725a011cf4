import type { Features, GbdtModel, Tree } from '../model.ts';

/**
 * Raw scores, one array for each output: the leaves summed in double, given as float32. The sum of some
 * hundred float32 values is exact in double, so any order of summing gives the same score and label.
 */
export function predictGbdt(model: GbdtModel, { rows, columns }: Features): Float32Array[] {
  const values = columns.map((column) => column.values);
  const scores = Array.from({ length: model.outputs }, () => new Float64Array(rows));
  for (const iteration of model.trees)
    for (const [k, tree] of iteration.entries()) addTree(tree, values, scores[k] as Float64Array, 0, rows);
  return scores.map((one) => Float32Array.from(one));
}

/** Adds the leaf that each row ends in, for rows `from … to)`. */
export function addTree(
  tree: Tree,
  values: readonly Float32Array[],
  scores: Float64Array,
  from: number,
  to: number,
): void {
  const { feature, threshold, left, right, missingLeft, value } = tree;
  for (let row = from; row < to; row += 1) {
    let node = 0;
    for (let asked = feature[0] as number; asked !== -1; asked = feature[node] as number) {
      const x = (values[asked] as Float32Array)[row] as number;
      const goesLeft = x <= (threshold[node] as number) || (x !== x && missingLeft[node] === 1);
      node = (goesLeft ? left[node] : right[node]) as number;
    }
    scores[row] = (scores[row] as number) + (value[node] as number);
  }
}

import { GraphUnsupported } from '../graph-unsupported.ts';
import type { Values } from '../tensor.ts';
import { type EnsembleTree, leafMasks } from './leaf-masks.ts';
import {
  numberAttributes,
  numbersOf,
  type Operator,
  type OperatorNode,
  onlyAttributes,
  requireAttribute,
  textAttributes,
} from './operator.ts';

/** Sums of leaves: in double from doubles, as onnxruntime does, and given as float32. */
export const treeEnsemble: Operator = (node) => {
  onlyAttributes(node, ...ATTRIBUTES);
  requireAttribute(node, 'post_transform', 'NONE', 'NONE');
  const outputs = Number(node.attributes.get('n_targets'));
  const trees = treesOf(node);
  const width = trees.reduce((most, { feature }) => Math.max(most, ...feature), -1) + 1;
  const masks = leafMasks(trees, width);
  return ([input]) => {
    const { dims, columns } = numbersOf(node.operator, input, ['double']);
    if (dims.length !== 2 || columns.length < width)
      throw new GraphUnsupported(node.operator, `of ${columns.length} features`);
    const rows = dims[0] as number;
    const scores = Array.from({ length: outputs }, () => new Float64Array(rows));
    if (masks !== undefined && rows > 0) masks.addTo(scores, columns);
    else for (const tree of trees) addTree(tree, columns, scores[tree.target] as Float64Array);
    return {
      type: 'float',
      dims: [rows, outputs],
      columns: scores.map((one) => new Float32Array(one)),
    };
  };
};

const ATTRIBUTES = [
  'n_targets',
  'post_transform',
  'nodes_treeids',
  'nodes_nodeids',
  'nodes_featureids',
  'nodes_modes',
  'nodes_values',
  'nodes_truenodeids',
  'nodes_falsenodeids',
  'nodes_missing_value_tracks_true',
  'target_treeids',
  'target_nodeids',
  'target_ids',
  'target_weights',
];

function addTree(tree: EnsembleTree, columns: readonly Values[], scores: Float64Array): void {
  const { feature, threshold, left, right, missingLeft, value } = tree;
  for (let row = 0; row < scores.length; row += 1) {
    let node = 0;
    for (let asked = feature[0] as number; asked !== -1; asked = feature[node] as number) {
      const x = (columns[asked] as Values)[row] as number;
      const goesLeft = x <= (threshold[node] as number) || (x !== x && missingLeft[node] === 1);
      node = (goesLeft ? left[node] : right[node]) as number;
    }
    scores[row] = (scores[row] as number) + (value[node] as number);
  }
}

/** ONNX has the nodes of all trees in one list, and their leaves' values in another. */
function treesOf(node: OperatorNode): EnsembleTree[] {
  const list = (name: string): ArrayLike<number> => numberAttributes(node, name);
  const ids = list('nodes_nodeids');
  const treeIds = list('nodes_treeids');
  const rowsByTree = new Map<number, number[]>();
  const places = new Map<string, number>();
  for (let row = 0; row < ids.length; row += 1) {
    const rows = rowsByTree.get(treeIds[row] as number) ?? [];
    rowsByTree.set(treeIds[row] as number, rows);
    places.set(`${treeIds[row]}:${ids[row]}`, rows.length);
    rows.push(row);
  }
  const leaves = leavesOf(node);
  const modes = textAttributes(node, 'nodes_modes');
  const [features, thresholds] = [list('nodes_featureids'), list('nodes_values')];
  const [yes, no, missing] = [
    list('nodes_truenodeids'),
    list('nodes_falsenodeids'),
    list('nodes_missing_value_tracks_true'),
  ];
  return Array.from(rowsByTree, ([id, rows]) => {
    const place = (nodeId: number): number => {
      const found = places.get(`${id}:${nodeId}`);
      if (found === undefined) throw new GraphUnsupported(node.operator, `a branch to node ${nodeId}`);
      return found;
    };
    const isLeaf = rows.map((row) => leafOf(node, modes[row]));
    const said = rows.map((row, at) => (isLeaf[at] ? leaves.get(`${id}:${ids[row]}`) : undefined));
    const targets = new Set(said.flatMap((leaf) => (leaf === undefined ? [] : [leaf.target])));
    if (targets.size !== 1) throw new GraphUnsupported(node.operator, 'a tree of several targets');
    const children = rows.flatMap((row, at) =>
      isLeaf[at] ? [] : [place(yes[row] as number), place(no[row] as number)],
    );
    // Else a walk might not end.
    if (children.includes(0) || new Set(children).size !== children.length)
      throw new GraphUnsupported(node.operator, 'nodes that are no tree');
    const branch = (value: (row: number) => number): number[] =>
      rows.map((row, at) => (isLeaf[at] ? 0 : value(row)));
    return {
      target: [...targets][0] as number,
      feature: Int32Array.from(rows, (row, at) => (isLeaf[at] ? -1 : (features[row] as number))),
      threshold: Float64Array.from(branch((row) => thresholds[row] as number)),
      left: Int32Array.from(branch((row) => place(yes[row] as number))),
      right: Int32Array.from(branch((row) => place(no[row] as number))),
      missingLeft: Uint8Array.from(branch((row) => missing[row] ?? 0)),
      value: Float64Array.from(said, (leaf) => leaf?.weight ?? 0),
    };
  });
}

function leavesOf(node: OperatorNode): Map<string, { target: number; weight: number }> {
  const [treeIds, nodeIds] = [
    numberAttributes(node, 'target_treeids'),
    numberAttributes(node, 'target_nodeids'),
  ];
  const [targets, weights] = [numberAttributes(node, 'target_ids'), numberAttributes(node, 'target_weights')];
  const leaves = new Map<string, { target: number; weight: number }>();
  for (let at = 0; at < treeIds.length; at += 1) {
    const key = `${treeIds[at]}:${nodeIds[at]}`;
    if (leaves.has(key)) throw new GraphUnsupported(node.operator, 'a leaf of several targets');
    leaves.set(key, { target: targets[at] as number, weight: weights[at] as number });
  }
  return leaves;
}

function leafOf({ operator }: OperatorNode, mode: string | undefined): boolean {
  if (mode !== 'LEAF' && mode !== 'BRANCH_LEQ') throw new GraphUnsupported(operator, `mode ${mode}`);
  return mode === 'LEAF';
}

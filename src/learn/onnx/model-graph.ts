import type { ColumnType } from '../../core/columns.ts';
import { answerColumns } from '../answer-columns.ts';
import type { GbdtModel, LinearModel, Model } from '../model.ts';
import type { Target, Transformer } from '../transformer/transformer.ts';
import { addFeatures } from './feature-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { ElementType } from './tensor.ts';

/** Where the graph says which column it was fitted to predict. */
export const TARGET_KEY = 'stockpot.target';

/** One graph from raw columns to the answer. */
export function modelGraph(transformer: Transformer, model: Model): Buffer {
  const graph = new GraphBuilder();
  const features = addFeatures(graph, transformer);
  const raw = model.kind === 'gbdt' ? addTrees(graph, model, features) : addLinear(graph, model, features);
  const axis = graph.constant('int64', [1], [1]);
  const { target } = transformer;
  const names = answerColumns(target).map(({ name }) => name);
  if (target.task === 'regression') graph.output(names[0] ?? '', 'float', graph.node('Squeeze', [raw, axis]));
  else if (target.task === 'binary') addBinary(graph, target, graph.node('Squeeze', [raw, axis]), names);
  else addMulticlass(graph, target, raw, names);
  return graph.finish({ [TARGET_KEY]: target.column });
}

/** The type that labels have in the answer. */
export function labelElement(type: ColumnType): ElementType {
  return type === 'boolean' ? 'bool' : type === 'integer' ? 'int64' : 'string';
}

function addTrees(graph: GraphBuilder, { trees, outputs }: GbdtModel, features: string): string {
  const nodes = {
    tree: [] as number[],
    id: [] as number[],
    feature: [] as number[],
    mode: [] as string[],
    value: [] as number[],
    yes: [] as number[],
    no: [] as number[],
    missing: [] as number[],
  };
  const leaves = { tree: [] as number[], id: [] as number[], target: [] as number[], weight: [] as number[] };
  for (const [number, { tree, k }] of trees
    .flatMap((iteration) => iteration.map((tree, k) => ({ tree, k })))
    .entries())
    for (let id = 0; id < tree.feature.length; id += 1) {
      const isLeaf = tree.feature[id] === -1;
      nodes.tree.push(number);
      nodes.id.push(id);
      nodes.feature.push(isLeaf ? 0 : (tree.feature[id] as number));
      nodes.mode.push(isLeaf ? 'LEAF' : 'BRANCH_LEQ');
      nodes.value.push(isLeaf ? 0 : (tree.threshold[id] as number));
      nodes.yes.push(isLeaf ? 0 : (tree.left[id] as number));
      nodes.no.push(isLeaf ? 0 : (tree.right[id] as number));
      nodes.missing.push(tree.missingLeft[id] as number);
      if (!isLeaf) continue;
      leaves.tree.push(number);
      leaves.id.push(id);
      leaves.target.push(k);
      leaves.weight.push(tree.value[id] as number);
    }
  return graph.node(
    'TreeEnsembleRegressor',
    // Leaves are then summed in double: float32 sums depend on the order, and near 0 so would the label.
    [graph.cast(features, 'double')],
    {
      n_targets: outputs,
      nodes_treeids: nodes.tree,
      nodes_nodeids: nodes.id,
      nodes_featureids: nodes.feature,
      nodes_modes: nodes.mode,
      nodes_values: { floats: nodes.value },
      nodes_truenodeids: nodes.yes,
      nodes_falsenodeids: nodes.no,
      nodes_missing_value_tracks_true: nodes.missing,
      target_treeids: leaves.tree,
      target_nodeids: leaves.id,
      target_ids: leaves.target,
      target_weights: { floats: leaves.weight },
      post_transform: 'NONE',
    },
    'ai.onnx.ml',
  );
}

function addLinear(
  graph: GraphBuilder,
  { coefficients, intercept, outputs, features: names }: LinearModel,
  features: string,
): string {
  const known = graph.node('Where', [
    graph.node('IsNaN', [features]),
    graph.constant('float', [0]),
    features,
  ]);
  const matrix = names.flatMap((_, j) => coefficients.map((one) => one[j] ?? 0));
  const weights = graph.constant('double', matrix, [names.length, outputs]);
  const sum = graph.node('Add', [
    graph.node('MatMul', [graph.cast(known, 'double'), weights]),
    graph.constant('double', intercept, [outputs]),
  ]);
  return graph.cast(sum, 'float');
}

function addBinary(
  graph: GraphBuilder,
  target: Target,
  raw: string,
  [label = '', negative = '', positive = '']: readonly string[],
): void {
  const isNegative = graph.node('Less', [raw, graph.constant('float', [0])]);
  addLabel(graph, target, graph.cast(graph.node('Not', [isNegative]), 'int64'), label);
  // Not 1 − p: a small probability would lose its digits, as it does in most runtimes' Sigmoid.
  const score = graph.cast(raw, 'double');
  addLogistic(graph, negative, score);
  addLogistic(graph, positive, graph.node('Neg', [score]));
}

/** `1 / (1 + exp(x))` */
function addLogistic(graph: GraphBuilder, name: string, x: string): void {
  const one = graph.constant('double', [1]);
  const odds = graph.node('Add', [one, graph.node('Exp', [x])]);
  graph.output(name, 'float', graph.cast(graph.node('Div', [one, odds]), 'float'));
}

function addMulticlass(
  graph: GraphBuilder,
  target: Target,
  raw: string,
  [label = '', ...scores]: readonly string[],
): void {
  addLabel(graph, target, graph.node('ArgMax', [raw], { axis: 1, keepdims: 0 }), label);
  const softmax = graph.node('Softmax', [graph.cast(raw, 'double')], { axis: 1 });
  for (const [k, name] of scores.entries()) {
    const column = graph.node('Gather', [softmax, graph.constant('int64', [k])], { axis: 1 });
    graph.output(name, 'float', graph.cast(column, 'float'));
  }
}

function addLabel(graph: GraphBuilder, { type, classes = [] }: Target, index: string, name: string): void {
  const element = labelElement(type);
  const values = classes.map((label) =>
    element === 'bool' ? label === 'true' : element === 'int64' ? BigInt(label) : label,
  );
  graph.output(
    name,
    element,
    graph.node('Gather', [graph.constant(element, values, [values.length]), index]),
  );
}

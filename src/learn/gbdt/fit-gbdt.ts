import type { Features, GbdtModel, Task, Tree } from '../model.ts';
import { binFeatures } from './bin-features.ts';
import { TreeGrower } from './grow-tree.ts';
import { objectiveOf } from './objective.ts';
import { addTree } from './predict-gbdt.ts';

export interface GbdtOptions {
  readonly task: Task;
  /** How many there are; 1 for a regression. */
  readonly classes: number;
  readonly maxIterations: number;
  readonly learningRate: number;
  readonly maxLeafNodes: number;
  readonly maxDepth: number;
  readonly minSamplesLeaf: number;
  readonly l2: number;
  /** Stop after so many iterations without a better validation loss; undefined to go to the end. */
  readonly noChangeIterations: number | undefined;
}

/** Rows to fit on or to watch: features, and for each row the value or the index of the class. */
export interface Examples {
  readonly features: Features;
  readonly target: Float64Array;
  readonly weight?: Float64Array | undefined;
}

export interface FitProgress {
  readonly iteration: number;
  readonly trainingLoss: number;
  readonly validationLoss: number | undefined;
}

export interface FittedGbdt {
  readonly model: GbdtModel;
  /** Share of all gain, by feature. */
  readonly importance: Float64Array;
  readonly history: readonly FitProgress[];
  /** Iterations that the model keeps. */
  readonly bestIteration: number;
}

/**
 * Gradient boosting over histograms, as in LightGBM and scikit-learn's HistGradientBoosting: trees grown
 * leaf by leaf on binned features. Everything is summed in the order of the rows.
 */
export function fitGbdt(
  training: Examples,
  validation: Examples | undefined,
  options: GbdtOptions,
  onIteration: (progress: FitProgress) => void,
): FittedGbdt {
  const { features, target, weight } = training;
  const objective = objectiveOf(options.task, options.classes);
  const base = objective.base(target, weight).map(Math.fround);
  const scores = base.map((score) => new Float64Array(features.rows).fill(score));
  const watched = base.map((score) => new Float64Array(validation?.features.rows ?? 0).fill(score));
  const grower = new TreeGrower(binFeatures(features), {
    maxLeafNodes: options.maxLeafNodes,
    maxDepth: options.maxDepth,
    minSamplesLeaf: options.minSamplesLeaf,
    minHessian: 1e-3,
    l2: options.l2,
    learningRate: options.learningRate,
  });
  const gradient = new Float64Array(features.rows);
  const hessian = new Float64Array(features.rows);
  const validationValues = validation?.features.columns.map((column) => column.values) ?? [];
  const trees: Tree[][] = [];
  const history: FitProgress[] = [];
  let best = { loss: Infinity, iteration: 0 };
  for (let iteration = 1; iteration <= options.maxIterations; iteration += 1) {
    // All classes see the scores of the iteration before.
    const before = objective.outputs === 1 ? scores : scores.map((one) => one.slice());
    const grown = scores.map((output, k) => {
      objective.derive(k, target, weight, before, gradient, hessian);
      const tree = grower.grow(gradient, hessian, output);
      if (validation !== undefined) addTree(tree, validationValues, watched[k] as Float64Array);
      return tree;
    });
    trees.push(grown);
    const progress: FitProgress = {
      iteration,
      trainingLoss: objective.loss(target, weight, scores),
      validationLoss:
        validation === undefined ? undefined : objective.loss(validation.target, validation.weight, watched),
    };
    history.push(progress);
    onIteration(progress);
    const loss = progress.validationLoss ?? progress.trainingLoss;
    if (loss < best.loss - 1e-7) best = { loss, iteration };
    else if (
      validation !== undefined &&
      options.noChangeIterations !== undefined &&
      iteration - best.iteration >= options.noChangeIterations
    )
      break;
    if (grown.every((tree) => tree.feature.length === 1)) break;
  }
  const kept =
    options.noChangeIterations === undefined || validation === undefined
      ? trees.length
      : Math.max(1, best.iteration);
  const model: GbdtModel = {
    kind: 'gbdt',
    task: options.task,
    outputs: objective.outputs,
    features: features.columns.map(({ name }) => ({ name })),
    trees: trees
      .slice(0, kept)
      .map((grown, at) => (at === 0 ? grown.map((tree, k) => withBase(tree, base[k] ?? 0)) : grown)),
  };
  return { model, importance: normalised(grower.gains), history, bestIteration: kept };
}

/** Runtimes differ in how they add a base score; all of them add leaves. */
function withBase(tree: Tree, base: number): Tree {
  return {
    ...tree,
    value: tree.value.map((value, node) => (tree.feature[node] === -1 ? value + base : value)),
  };
}

function normalised(gains: Float64Array): Float64Array {
  const sum = gains.reduce((a, b) => a + b, 0);
  return sum === 0 ? gains : gains.map((gain) => gain / sum);
}

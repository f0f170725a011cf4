import type { Features, GbdtModel, Task, Tree } from '../model.ts';
import { allocate } from './allocate.ts';
import { Crew } from './crew.ts';
import { blocksOf, type FitMemory } from './fit-memory.ts';
import { TreeGrower } from './grow-tree.ts';
import { baseScores, outputsOf, sumOf } from './objective.ts';

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
  /** Threads to compute on, this one included. */
  readonly threads: number;
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

/** With fewer rows than this a fit is done before a thread has started. */
const ROWS_TO_SHARE = 16_384;

/**
 * Gradient boosting over histograms, as in LightGBM and scikit-learn's HistGradientBoosting: trees grown
 * leaf by leaf on binned features. The model does not depend on `threads`, which end with the fit.
 */
export async function fitGbdt(
  training: Examples,
  validation: Examples | undefined,
  options: GbdtOptions,
  onIteration: (progress: FitProgress) => void,
): Promise<FittedGbdt> {
  const { rows } = training.features;
  await using crew = Crew.start(rows < ROWS_TO_SHARE ? 1 : options.threads);
  const outputs = outputsOf(options.task, options.classes);
  const base = baseScores(options.task, outputs, training.target, training.weight).map(Math.fround);
  const rules = { ...options, minHessian: 1e-3 };
  const memory = allocate(training, validation, options.task, base, rules);
  crew.share(memory);
  crew.run('bin', blocksOf(rows));
  crew.run('derive', blocksOf(rows));
  const grower = new TreeGrower(memory, crew, rules);
  const totalWeight = weightOf(training);
  const watchedWeight = validation === undefined ? 0 : weightOf(validation);
  const trees: Tree[][] = [];
  const history: FitProgress[] = [];
  let best = { loss: Infinity, iteration: 0 };
  for (let iteration = 1; iteration <= options.maxIterations; iteration += 1) {
    // All classes see the scores of the iteration before.
    const roots = base.map((_, output) => ({
      gradient: sumOf(memory, rows, 1 + 2 * output),
      hessian: sumOf(memory, rows, 2 + 2 * output),
      rows,
    }));
    const grown = roots.map((sums, output) => grower.grow(output, sums));
    trees.push(grown);
    const watchedLoss = watch(crew, memory, grown);
    crew.run('derive', blocksOf(rows));
    const progress: FitProgress = {
      iteration,
      trainingLoss: sumOf(memory, rows, 0) / totalWeight,
      validationLoss: watchedLoss === undefined ? undefined : watchedLoss / watchedWeight,
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
    outputs,
    features: training.features.columns.map(({ name }) => ({ name })),
    trees: trees
      .slice(0, kept)
      .map((grown, at) => (at === 0 ? grown.map((tree, k) => withBase(tree, base[k] ?? 0)) : grown)),
  };
  return { model, importance: normalised(grower.gains), history, bestIteration: kept };
}

/** Adds an iteration's trees to the watched rows' scores; gives the sum of their losses. */
function watch(crew: Crew, memory: FitMemory, grown: readonly Tree[]): number | undefined {
  const { watched } = memory;
  if (watched === undefined) return undefined;
  const { feature, threshold, left, right, missingLeft, value } = watched.tree;
  for (const [output, tree] of grown.entries()) {
    feature.set(tree.feature);
    threshold.set(tree.threshold);
    left.set(tree.left);
    right.set(tree.right);
    missingLeft.set(tree.missingLeft);
    value.set(tree.value);
    crew.run('watch', blocksOf(watched.rows), output, output === grown.length - 1 ? 1 : 0);
  }
  return sumOf(memory, watched.rows, 0);
}

function weightOf({ weight, target }: Examples): number {
  return weight === undefined ? target.length : weight.reduce((a, b) => a + b, 0);
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

import { readFileSync, writeFileSync } from 'node:fs';
import {
  type ClassWeight,
  classFactors,
  type Examples,
  type FitProgress,
  fitGbdt,
  fitLinear,
  type Model,
  type Transformer,
  weighClasses,
  writeModelDirectory,
} from 'stockpot/learn';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import {
  datasetEntry,
  describeSelect,
  quoteIdentifier,
  quoteLiteral,
  ROW,
  readFloats,
  Tables,
} from 'stockpot/tables';

/** Fits a model on features and writes it as an MLflow model directory that takes raw columns. */
export const step = defineStep({
  title: 'Fit a model: boosted trees, or a linear or logistic one',
  version: '3',
  config: Type.Object(
    {
      using: Type.Optional(
        oneOf(['gbdt', 'linear', 'logistic'], {
          default: 'gbdt',
          description: 'gbdt: boosted trees. linear, logistic: for a regression, for classes.',
        }),
      ),
      primary_metric: Type.Optional(Type.String({ description: 'The metric by which models are compared.' })),
      max_iterations: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 100_000,
          default: 100,
          description: 'Trees (a class), or Newton steps, at most.',
        }),
      ),
      learning_rate: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 1,
          default: 0.1,
          description: 'How much each tree counts.',
        }),
      ),
      max_leaf_nodes: Type.Optional(Type.Integer({ minimum: 2, maximum: 65_536, default: 31 })),
      max_depth: Type.Optional(Type.Integer({ minimum: 1, default: 64 })),
      min_samples_leaf: Type.Optional(Type.Integer({ minimum: 1, default: 20 })),
      l2_regularization: Type.Optional(Type.Number({ minimum: 0, default: 0 })),
      class_weight: Type.Optional(
        Type.Union([Type.Literal('balanced'), Type.Record(Type.String(), Type.Number({ minimum: 0 }))], {
          description:
            'How much rows of a class count, by label. balanced: all classes alike. Rows of their own weight: weight_col of transform.',
        }),
      ),
      early_stopping: Type.Optional(
        Type.Boolean({ default: true, description: 'Stop once the validation loss gets no better.' }),
      ),
      n_iter_no_change: Type.Optional(
        Type.Integer({
          minimum: 1,
          default: 20,
          description: 'Iterations to wait for a better validation loss.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  inputs: { training: { kind: 'table' }, validation: { kind: 'table' }, transformer: { kind: 'value' } },
  outputs: {
    model: {
      path: 'model',
      kind: 'model',
      description: 'An MLflow model directory: one ONNX graph from raw columns to the answer.',
    },
    history: { path: 'history.json', kind: 'value', description: 'Loss on both splits by iteration.' },
    importance: {
      path: 'importance.json',
      kind: 'value',
      description: 'Share of each feature in what the trees gained.',
    },
  },
  async run({ config, inputs, inputDigests, outputs, threads, memoryBytes, tmp, report }) {
    const transformer = JSON.parse(readFileSync(inputs.transformer, 'utf8')) as Transformer;
    const { task, classes } = transformer.target;
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    for (const context of ['training', 'validation'] as const)
      report(
        await datasetEntry(tables, {
          name: context,
          digest: inputDigests[context],
          path: inputs[context],
          context,
        }),
      );
    const [training, validation] = weigh(
      config.class_weight,
      transformer,
      await readExamples(tables, inputs.training, transformer),
      await readExamples(tables, inputs.validation, transformer),
    );
    const iterations = config.max_iterations ?? 100;
    const history: FitProgress[] = [];
    const note = (progress: FitProgress): void => {
      history.push(progress);
      const { iteration, trainingLoss, validationLoss } = progress;
      report({ type: 'metric', key: 'training_loss', value: trainingLoss, step: iteration });
      if (validationLoss !== undefined)
        report({ type: 'metric', key: 'validation_loss', value: validationLoss, step: iteration });
      report({ type: 'progress', done: iteration, total: iterations, unit: 'iterations' });
    };
    let model: Model;
    let importance: { feature: string; share: number }[] = [];
    if (config.using === 'gbdt' || config.using === undefined) {
      const fitted = await fitGbdt(
        training,
        validation,
        {
          task,
          classes: classes?.length ?? 1,
          maxIterations: iterations,
          learningRate: config.learning_rate ?? 0.1,
          maxLeafNodes: config.max_leaf_nodes ?? 31,
          maxDepth: config.max_depth ?? 64,
          minSamplesLeaf: config.min_samples_leaf ?? 20,
          l2: config.l2_regularization ?? 0,
          noChangeIterations: config.early_stopping === false ? undefined : (config.n_iter_no_change ?? 20),
          threads,
        },
        note,
      );
      model = fitted.model;
      importance = transformer.features.map(({ name }, index) => ({
        feature: name,
        share: fitted.importance[index] ?? 0,
      }));
      report({ type: 'metric', key: 'best_iteration', value: fitted.bestIteration });
    } else {
      if ((config.using === 'linear') !== (task === 'regression'))
        throw new Error(
          `using: ${config.using} does not fit a ${task} target: use ${task === 'regression' ? 'linear' : 'logistic'} or gbdt`,
        );
      model = fitLinear(
        training,
        {
          task,
          classes: classes?.length ?? 1,
          l2: config.l2_regularization ?? 1e-6,
          maxIterations: Math.min(iterations, 100),
        },
        (iteration, loss) => note({ iteration, trainingLoss: loss, validationLoss: undefined }),
      );
      importance = linearImportance(model, transformer);
    }
    writeModelDirectory(outputs.model, { transformer, model });
    writeFileSync(outputs.history, JSON.stringify(history));
    writeFileSync(outputs.importance, JSON.stringify(importance.toSorted((a, b) => b.share - a.share)));
  },
});

/** Classes weigh on the validation rows what they weigh on the training rows: one loss is watched. */
function weigh(
  classWeight: ClassWeight | undefined,
  { target: { classes = [] } }: Transformer,
  training: Examples,
  validation: Examples,
): [training: Examples, validation: Examples] {
  if (classWeight === undefined) return [training, validation];
  if (classes.length === 0)
    throw new RecipeError('TRAIN_CLASS_WEIGHT', { problem: 'is set for a regression', classes });
  const unknown = Object.keys(classWeight === 'balanced' ? {} : classWeight).find(
    (label) => !classes.includes(label),
  );
  if (unknown !== undefined)
    throw new RecipeError('TRAIN_CLASS_WEIGHT', {
      problem: `names the class ${unknown}, which the target does not have`,
      classes,
    });
  const factors = classFactors(classWeight, classes, training.target, training.weight);
  const weighed = ({ features, target, weight }: Examples): Examples => ({
    features,
    target,
    weight: weighClasses(factors, target, weight),
  });
  return [weighed(training), weighed(validation)];
}

async function readExamples(tables: Tables, path: string, transformer: Transformer): Promise<Examples> {
  const names = transformer.features.map(({ name }) => name);
  const columns = await describeSelect(tables, `SELECT * FROM read_parquet(${quoteLiteral(path)})`);
  const hasWeight = columns.some(({ name }) => name === '__weight');
  const features = await readFloats(tables, path, names);
  const select = `SELECT ${quoteIdentifier('__target')}${hasWeight ? `, ${quoteIdentifier('__weight')}` : ''} FROM read_parquet(${quoteLiteral(path)}) ORDER BY ${quoteIdentifier(ROW)}`;
  const [target = new Float64Array(0), weight] = await tables.doubles(
    select,
    features.rows,
    hasWeight ? 2 : 1,
  );
  return {
    features: {
      rows: features.rows,
      columns: names.map((name, index) => ({
        name,
        values: features.columns[index] ?? new Float32Array(features.rows),
      })),
    },
    target,
    ...(weight === undefined ? {} : { weight }),
  };
}

/** Of features on one scale, the size of a coefficient says how much it moves the answer. */
function linearImportance(model: Model, { features }: Transformer): { feature: string; share: number }[] {
  if (model.kind !== 'linear') return [];
  const sizes = features.map((_, j) =>
    model.coefficients.reduce((sum, one) => sum + Math.abs(one[j] ?? 0), 0),
  );
  const total = sizes.reduce((a, b) => a + b, 0) || 1;
  return features.map(({ name }, j) => ({ feature: name, share: (sizes[j] ?? 0) / total }));
}

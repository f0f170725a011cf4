import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Columns } from '../core/columns.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { answerColumns } from './answer-columns.ts';
import { predictGbdt } from './gbdt/predict-gbdt.ts';
import { predictLinear } from './linear/predict-linear.ts';
import type { Model } from './model.ts';
import { decodeModel, encodeModel } from './model-json.ts';
import { elementOf } from './onnx/feature-graph.ts';
import { labelElement, modelGraph } from './onnx/model-graph.ts';
import { applyTransformer } from './transformer/apply-transformer.ts';
import type { Target, Transformer } from './transformer/transformer.ts';

/** MLflow's names of types in a signature. */
const SIGNATURE_TYPES = {
  float: 'float',
  double: 'double',
  int64: 'long',
  string: 'string',
  bool: 'boolean',
} as const;

const REQUIREMENTS = ['mlflow', 'onnx', 'onnxruntime'];

/**
 * Writes an MLflow model directory: one ONNX graph from raw columns to the answer, its signature, and what
 * Stockpot itself scores with. The same model gives the same bytes: no time, no run id.
 */
export function writeModelDirectory(
  dir: string,
  { transformer, model }: { transformer: Transformer; model: Model },
): void {
  mkdirSync(dir, { recursive: true });
  const graph = modelGraph(transformer, model);
  const digest = hash('sha256', graph, 'hex');
  writeFileSync(join(dir, 'model.onnx'), graph);
  writeFileSync(join(dir, 'stockpot.json'), JSON.stringify({ v: 1, transformer, model: encodeModel(model) }));
  writeFileSync(join(dir, 'requirements.txt'), `${REQUIREMENTS.join('\n')}\n`);
  writeFileSync(
    join(dir, 'python_env.yaml'),
    stringify({ python: '3.11', dependencies: ['-r requirements.txt'] }),
  );
  writeFileSync(
    join(dir, 'conda.yaml'),
    stringify({
      channels: ['conda-forge'],
      dependencies: ['python=3.11', 'pip', { pip: REQUIREMENTS }],
      name: 'mlflow-env',
    }),
  );
  writeFileSync(
    join(dir, 'MLmodel'),
    stringify({
      flavors: {
        onnx: {
          code: null,
          data: 'model.onnx',
          onnx_session_options: null,
          providers: ['CPUExecutionProvider'],
        },
        python_function: {
          data: 'model.onnx',
          env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
          loader_module: 'mlflow.onnx',
          python_version: '3.11.0',
        },
      },
      mlflow_version: '2.22.0',
      model_size_bytes: graph.length,
      model_uuid: digest.slice(0, 32),
      signature: {
        inputs: JSON.stringify(inputSignature(transformer)),
        outputs: JSON.stringify(outputSignature(transformer.target)),
        params: null,
      },
    }),
  );
}

function inputSignature({ inputs }: Transformer): object[] {
  return inputs.map((input) => {
    const element = elementOf(input);
    return {
      type: element === 'float' ? 'double' : SIGNATURE_TYPES[element],
      name: input.name,
      required: true,
    };
  });
}

function outputSignature(target: Target): object[] {
  return answerColumns(target).map((column) => ({
    type: column.kind === 'label' ? SIGNATURE_TYPES[labelElement(column.type)] : 'float',
    name: column.name,
    required: true,
  }));
}

/** What a model says of some rows. */
export type Scores =
  | { readonly kind: 'regression'; readonly prediction: Float32Array }
  /** `labels` are indices into the classes; one array of probabilities a class. */
  | {
      readonly kind: 'classification';
      readonly labels: Int32Array;
      readonly probabilities: readonly Float32Array[];
    };

export interface ScoringModel {
  readonly target: Target;
  /** Raw columns that it needs. */
  readonly inputs: readonly string[];
  score(columns: Columns): Scores;
}

/** @throws RecipeError MODEL_UNREADABLE */
export function openModel(dir: string): ScoringModel {
  const path = join(dir, 'stockpot.json');
  const { transformer, model } = readModel(path);
  return {
    target: transformer.target,
    inputs: transformer.inputs.map(({ name }) => name),
    score: (columns) => scoresOf(model, transformer, columns),
  };
}

function readModel(path: string): { transformer: Transformer; model: Model } {
  try {
    const { v, transformer, model } = JSON.parse(readFileSync(path, 'utf8')) as {
      v: number;
      transformer: Transformer;
      model: never;
    };
    if (v !== 1) throw new Error(`its format is ${v}`);
    return { transformer, model: decodeModel(model) };
  } catch (cause) {
    throw new RecipeError(
      'MODEL_UNREADABLE',
      { path, problem: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

function scoresOf(model: Model, transformer: Transformer, columns: Columns): Scores {
  const features = applyTransformer(transformer, columns);
  const raw = model.kind === 'gbdt' ? predictGbdt(model, features) : predictLinear(model, features);
  const first = raw[0] ?? new Float32Array(columns.rows);
  switch (transformer.target.task) {
    case 'regression':
      return { kind: 'regression', prediction: first };
    case 'binary': {
      const positive = first.map((score) => 1 / (1 + Math.exp(-score)));
      return {
        kind: 'classification',
        labels: Int32Array.from(first, (score) => (score < 0 ? 0 : 1)),
        probabilities: [first.map((score) => 1 / (1 + Math.exp(score))), positive],
      };
    }
    case 'multiclass':
      return softmax(raw, columns.rows);
  }
}

function softmax(raw: readonly Float32Array[], rows: number): Scores {
  const labels = new Int32Array(rows);
  const probabilities = raw.map(() => new Float32Array(rows));
  for (let row = 0; row < rows; row += 1) {
    let best = 0;
    for (let k = 1; k < raw.length; k += 1)
      if ((raw[k]?.[row] as number) > (raw[best]?.[row] as number)) best = k;
    labels[row] = best;
    const most = raw[best]?.[row] as number;
    let sum = 0;
    for (const one of raw) sum += Math.exp((one[row] as number) - most);
    for (const [k, one] of raw.entries())
      (probabilities[k] as Float32Array)[row] = Math.exp((one[row] as number) - most) / sum;
  }
  return { kind: 'classification', labels, probabilities };
}

import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { answerColumns } from './answer-columns.ts';
import type { Model } from './model.ts';
import { elementOf } from './onnx/feature-graph.ts';
import { labelElement, modelGraph } from './onnx/model-graph.ts';
import { PYTHON_ENVIRONMENT, pythonEnvironment } from './python-environment.ts';
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
 * Writes an MLflow model directory: one ONNX graph from raw columns to the answer, and its signature. The same
 * model gives the same bytes: no time, no run id.
 */
export function writeModelDirectory(
  dir: string,
  { transformer, model }: { transformer: Transformer; model: Model },
): void {
  mkdirSync(dir, { recursive: true });
  const graph = modelGraph(transformer, model);
  const digest = hash('sha256', graph, 'hex');
  writeFileSync(join(dir, 'model.onnx'), graph);
  for (const [name, text] of Object.entries(pythonEnvironment(REQUIREMENTS)))
    writeFileSync(join(dir, name), text);
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
          env: PYTHON_ENVIRONMENT.env,
          loader_module: 'mlflow.onnx',
          python_version: PYTHON_ENVIRONMENT.python_version,
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

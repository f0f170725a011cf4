import { stringify } from 'yaml';
import { PYTHON_ENVIRONMENT, pythonEnvironment } from '../learn/python-environment.ts';
import type { Param } from '../tracking/mlflow/messages.ts';

/** What somebody tried in MLflow's page for prompts: a prompt with values in it, and what a model answered. */
export interface PromptTrial {
  readonly template: string;
  readonly promptParams: readonly Param[];
  readonly route: string;
  readonly modelParams: readonly Param[];
  readonly input: string;
  readonly output: string | undefined;
  readonly outputParams: readonly Param[];
}

/** A model as the run's tag tells of it. */
export interface PromptModel {
  readonly run_id: string;
  readonly artifact_path: string;
  /** `2026-01-31 12:00:00.000000`, in UTC. */
  readonly utc_time_created: string;
  readonly model_uuid: string;
  readonly flavors: object;
}

/** The table by which MLflow's page compares runs. */
export const TABLE = 'eval_results_table.json';
/** The version of MLflow that has the code by which these models are loaded. */
const MLFLOW = '2.22.0';
const EXAMPLE = 'input_example.json';
const SERVING_EXAMPLE = 'serving_input_example.json';
const PARAMETERS = 'parameters.yaml';

/** The files of a run of MLflow's page for prompts, by their paths: a table of one row and a model. */
export function promptlabFiles(trial: PromptTrial, model: PromptModel): Readonly<Record<string, string>> {
  const inputs = trial.promptParams.map(({ value }) => value);
  const files = {
    MLmodel: mlModel(trial, model),
    [PARAMETERS]: yamlOf({
      prompt_template: trial.template,
      prompt_parameters: mapOf(trial.promptParams),
      model_parameters: mapOf(trial.modelParams),
      model_route: trial.route,
    }),
    [EXAMPLE]: JSON.stringify({ inputs }),
    [SERVING_EXAMPLE]: JSON.stringify({ inputs: { inputs } }),
    ...pythonEnvironment([`mlflow[gateway]==${MLFLOW}`]),
  };
  return {
    [TABLE]: tableOf(trial),
    ...Object.fromEntries(
      Object.entries(files).map(([name, text]) => [`${model.artifact_path}/${name}`, text]),
    ),
  };
}

function tableOf({ promptParams, input, output, outputParams }: PromptTrial): string {
  const [before, after] = [promptParams, outputParams];
  return JSON.stringify({
    columns: [...before.map(({ key }) => key), 'prompt', 'output', ...after.map(({ key }) => key)],
    data: [[...before.map(({ value }) => value), input, output ?? null, ...after.map(({ value }) => value)]],
  });
}

function mlModel({ promptParams }: PromptTrial, { flavors, ...model }: PromptModel): string {
  const text = (name: string): object => ({ type: 'string', name, required: true });
  return yamlOf({
    ...model,
    flavors: {
      ...flavors,
      python_function: {
        ...PYTHON_ENVIRONMENT,
        loader_module: 'mlflow.prompt.promptlab_model',
        parameters_path: PARAMETERS,
      },
    },
    mlflow_version: MLFLOW,
    saved_input_example_info: {
      artifact_path: EXAMPLE,
      serving_input_path: SERVING_EXAMPLE,
      type: 'json_object',
    },
    signature: {
      inputs: JSON.stringify(promptParams.map(({ key }) => text(key))),
      outputs: JSON.stringify([text('output')]),
      params: null,
    },
  });
}

function mapOf(params: readonly Param[]): ReadonlyMap<string, string> {
  return new Map(params.map(({ key, value }) => [key, value]));
}

/** Texts stay what they are to readers of YAML 1.1, which take `yes`, `1:30` and the like for other things. */
function yamlOf(value: object): string {
  const text = stringify(value, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'QUOTE_DOUBLE',
    lineWidth: 0,
  });
  // Such characters end a line, or are not taken as they are. They stand only between quotes.
  return text.replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

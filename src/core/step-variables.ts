/** Names of the variables that Stockpot itself gives to steps. A `-` in a name becomes `_`. */

export function inputVariable(name: string): string {
  return `IN_${name.replaceAll('-', '_')}`;
}

export function outputVariable(name: string): string {
  return `OUT_${name.replaceAll('-', '_')}`;
}

export function cacheVariable(name: string): string {
  return `CACHE_${name.replaceAll('-', '_')}`;
}

export const CHECKPOINT_VARIABLE = 'CHECKPOINT';

/** CUDA's: the devices that a program may see, with commas. */
export const GPUS_VARIABLE = 'CUDA_VISIBLE_DEVICES';

/** Of every step, whatever its caller has under these names. */
export const OWN_VARIABLES = ['HOME', 'TMPDIR', 'STOCKPOT_STEP', 'STOCKPOT_SEED'] as const;

/** What leads MLflow's clients to the recorder of a step with `mlflow: true`, or of a tracked program. */
export const RECORDER_VARIABLES = [
  'MLFLOW_TRACKING_URI',
  'MLFLOW_REGISTRY_URI',
  'MLFLOW_TRACKING_TOKEN',
  'STOCKPOT_TOKEN',
  'MLFLOW_TRACKING_USERNAME',
  'MLFLOW_TRACKING_PASSWORD',
  'MLFLOW_EXPERIMENT_ID',
  'MLFLOW_RUN_ID',
  'MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT',
] as const;

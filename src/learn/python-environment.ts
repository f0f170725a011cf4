import { stringify } from 'yaml';

/** What Python a model asks for, as MLflow's models say it, in three files by their names. */
export function pythonEnvironment(requirements: readonly string[]): Readonly<Record<string, string>> {
  return {
    'requirements.txt': `${requirements.join('\n')}\n`,
    'python_env.yaml': stringify({ python: '3.11', dependencies: ['-r requirements.txt'] }),
    'conda.yaml': stringify({
      channels: ['conda-forge'],
      dependencies: ['python=3.11', 'pip', { pip: requirements }],
      name: 'mlflow-env',
    }),
  };
}

/** How a model's flavour for any Python names those files. */
export const PYTHON_ENVIRONMENT = {
  env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
  python_version: '3.11.0',
} as const;

import { join } from 'node:path';
import type { StepFile } from '../core/step-file.ts';
import { GPUS_VARIABLE, type OWN_VARIABLES } from '../core/step-variables.ts';
import type { Workshop } from './attempt.ts';
import { commandLine, pathVariables, textWithPaths } from './command-line.ts';
import type { Task } from './ports.ts';

/** What every attempt's environment starts from: nothing of the machine but where its programs are. */
export function cleanEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return {
    PATH: pathWithoutNpm(env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'),
    LC_ALL: 'C.UTF-8',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

/** All of an attempt's environment, but for its secrets. */
export function attemptEnvironment(
  { step, gpus }: Task,
  stepFile: StepFile,
  dir: string,
  { world }: Workshop,
): Record<string, string> {
  const env = { ...cleanEnvironment(world.env), ...gpuVariables(gpus, world.env) };
  for (const name of step.passEnv) {
    const value = world.env[name];
    if (value !== undefined) env[name] = value;
  }
  const own: Record<(typeof OWN_VARIABLES)[number], string> = {
    HOME: stepFile.tmp,
    TMPDIR: stepFile.tmp,
    STOCKPOT_STEP: join(dir, 'step.json'),
    STOCKPOT_SEED: String(step.seed),
  };
  Object.assign(env, own, pathVariables(stepFile));
  if (step.action.kind === 'bash') Object.assign(env, commandLine(step.action, stepFile).variables);
  for (const [name, value] of Object.entries(step.env)) {
    if (typeof value === 'string') env[name] = value;
    else if ('text' in value) env[name] = textWithPaths(value.text, stepFile);
  }
  return env;
}

/** The order goes with the devices: in another, the same indices are others. */
function gpuVariables(
  gpus: readonly string[] | undefined,
  { CUDA_DEVICE_ORDER: order }: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (gpus === undefined) return {};
  return { [GPUS_VARIABLE]: gpus.join(','), ...(order === undefined ? {} : { CUDA_DEVICE_ORDER: order }) };
}

/** `npx` and `npm run` put folders in front that another way of starting the same run does not have. */
function pathWithoutNpm(path: string): string {
  return path
    .split(':')
    .filter((dir) => !/(?:^|\/)node_modules\/(?:\.bin$|npm\/|@npmcli\/)/.test(dir))
    .join(':');
}

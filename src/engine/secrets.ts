import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { PlanStep, SecretSource } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { cleanEnvironment } from './attempt-environment.ts';

const run = promisify(execFile);

/**
 * Values of the secrets that a step declared, by the name of its environment variable. Asked for on the
 * machine that runs the step, just before it does.
 *
 * @throws RecipeError SECRET_NOT_FOUND
 */
export async function resolveSecrets(
  step: PlanStep,
  sources: Readonly<Record<string, SecretSource>>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const [variable, value] of Object.entries(step.env)) {
    if (typeof value === 'string' || !('secret' in value)) continue;
    const found = await readSecret(secretSource(sources, value.secret), env);
    if (found === undefined || found === '')
      throw new RecipeError('SECRET_NOT_FOUND', { step: step.id, secret: value.secret });
    values[variable] = found;
  }
  return values;
}

/** What the variable of a secret begins with, where nothing else says whence it comes. */
export const SECRET_VARIABLE = 'STOCKPOT_SECRET_';

/** Where the secret `name` comes from: the profile says, or a variable of its name. */
export function secretSource(sources: Readonly<Record<string, SecretSource>>, name: string): SecretSource {
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  return source ?? { env: `${SECRET_VARIABLE}${name}` };
}

/** The value that a secret has on this machine, now. */
export async function readSecret(
  source: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if ('env' in source) return env[source.env];
  if ('file' in source) return readFileSync(source.file, 'utf8').replace(/\r?\n$/, '');
  const [program = '', ...args] = source.command;
  const { stdout } = await run(program, args, { env: { ...cleanEnvironment(env), HOME: env['HOME'] ?? '' } });
  return stdout.replace(/\r?\n$/, '');
}

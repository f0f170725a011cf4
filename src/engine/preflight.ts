import { accessSync, constants, globSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plan, PlanInput, PlanStep, SecretSource } from '../core/plan.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { secretSource } from './secrets.ts';
import type { Role } from './selection.ts';

/**
 * What can be known to be missing before anything is written: files that inputs and code name, secrets. Without
 * `env` those of the machine where the run will be driven count, and it will say so.
 *
 * @throws RecipeError INPUT_NOT_FOUND, INPUT_UNREADABLE, CODE_NOT_FOUND, SECRET_NOT_FOUND
 */
export function preflight(
  plan: Plan,
  roles: readonly Role[],
  projectDir: string,
  env: Readonly<Record<string, string | undefined>> | undefined,
): void {
  const seen = new Map<string, boolean>();
  const exists = (path: string): boolean => {
    let known = seen.get(path);
    if (known === undefined) {
      known = isReadable(resolve(projectDir, path));
      seen.set(path, known);
    }
    return known;
  };
  plan.steps.forEach((step, index) => {
    if (roles[index] === 'omit' || !step.when) return;
    for (const name in step.inputs) {
      const input = step.inputs[name];
      if (input !== undefined) checkInput(step, name, input, exists, projectDir);
    }
    if (step.action.kind === 'own' && !exists(step.action.entry))
      throw new RecipeError(
        'CODE_NOT_FOUND',
        { step: step.id, path: `./${step.action.entry}` },
        { at: step.at },
      );
    for (const pattern of step.code)
      if (!exists(pattern) && globSync(pattern, { cwd: projectDir }).length === 0)
        throw new RecipeError('CODE_NOT_FOUND', { step: step.id, path: `./${pattern}` }, { at: step.at });
    // A fleet's workers have them, and say so.
    if (plan.settings.executor === 'fleet' || env === undefined) return;
    for (const value of Object.values(step.env)) {
      if (typeof value === 'string' || !('secret' in value)) continue;
      const source = secretSource(plan.settings.secrets, value.secret);
      if (isSecretMissing(source, projectDir, env))
        throw new RecipeError('SECRET_NOT_FOUND', { step: step.id, secret: value.secret }, { at: step.at });
    }
  });
}

/** As far as it can be known without running anything. */
export function isSecretMissing(
  source: SecretSource,
  projectDir: string,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if ('env' in source) return (env[source.env] ?? '') === '';
  return 'file' in source && !isReadable(resolve(projectDir, source.file));
}

function checkInput(
  step: PlanStep,
  name: string,
  input: PlanInput,
  exists: (path: string) => boolean,
  projectDir: string,
): void {
  if (input.kind === 'list') for (const item of input.items) checkInput(step, name, item, exists, projectDir);
  if (input.kind !== 'path') return;
  const isThere = input.glob ? globSync(input.path, { cwd: projectDir }).length > 0 : exists(input.path);
  if (!isThere && !input.glob && isForbidden(resolve(projectDir, input.path)))
    throw new RecipeError(
      'INPUT_UNREADABLE',
      { step: step.id, input: name, path: `./${input.path}` },
      { at: input.at },
    );
  if (!isThere)
    throw new RecipeError(
      'INPUT_NOT_FOUND',
      { step: step.id, input: name, path: `./${input.path}` },
      { at: input.at },
    );
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** It is there, but not for us: nor perhaps the folder it lies in. */
function isForbidden(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return false;
  } catch (error) {
    return hasCode(error, 'EACCES');
  }
}

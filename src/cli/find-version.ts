import { RecipeError } from '../core/recipe-error.ts';
import type { RegisteredVersion, Registry } from '../engine/registry-port.ts';
import { nearest } from '../recipe/nearest.ts';

/**
 * The version that NAME@ALIAS or NAME/VERSION names, with `models:/` before it or not.
 *
 * @throws RecipeError USAGE, MODEL_NOT_FOUND
 */
export async function findVersion(
  registry: Registry,
  text: string,
  command: string,
): Promise<RegisteredVersion> {
  const model = text.replace(/^models:\//, '');
  const match = /^(.+?)(?:@([\w-]+)|\/(\d{1,15}))$/.exec(model);
  if (match === null)
    throw new RecipeError('USAGE', { problem: `${model} is neither NAME@ALIAS nor NAME/VERSION`, command });
  const [, name = '', alias, version = ''] = match;
  const found = await registry.find(name, alias === undefined ? { version } : { alias });
  if (found !== undefined) return found;
  const models = await registry.list();
  const known = models.flatMap(({ name: one, versions }) =>
    versions.flatMap((each) => [`${one}/${each.version}`, ...each.aliases.map((other) => `${one}@${other}`)]),
  );
  throw new RecipeError('MODEL_NOT_FOUND', { model, nearest: nearest(model, known) });
}

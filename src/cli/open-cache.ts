import { Project } from '../compose.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { findProject } from '../recipe/address.ts';
import type { Context } from './context.ts';

/**
 * The project that the working folder lies in, for commands about its cache and its runs.
 *
 * @throws RecipeError RECIPE_NOT_FOUND
 */
export function openProject(context: Context): Project {
  const dir = findProject(context.cwd);
  if (dir === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: '', dir: context.cwd, known: [] });
  return Project.open(dir, context);
}

import { ProjectHome } from '../compose-home.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Context } from './context.ts';
import { trackedDir } from './tracked-dir.ts';

/**
 * The project that the working folder lies in, for commands about its cache.
 *
 * @throws RecipeError RECIPE_NOT_FOUND
 */
export function openProject(context: Context): ProjectHome {
  const dir = trackedDir(context.cwd);
  if (dir === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: '', dir: context.cwd, known: [] });
  return new ProjectHome(dir, context);
}

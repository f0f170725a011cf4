import { Project } from '../compose.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, type Parsed, text } from './context.ts';
import { trackedDir } from './tracked-dir.ts';

/**
 * The project that the working folder lies in, for commands about its runs, with the addresses of
 * the profile that is named.
 *
 * @throws RecipeError RECIPE_NOT_FOUND
 */
export async function openTracked(options: Parsed['options'], context: Context): Promise<Project> {
  const dir = trackedDir(context.cwd);
  if (dir === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: '', dir: context.cwd, known: [] });
  const project = new Project(dir, context, addressesOf(options));
  await project.useProfile(text(options, 'profile'));
  return project;
}

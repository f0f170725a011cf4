import { Project } from '../compose.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { placesOf } from '../tracking/places.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, type Parsed, text } from './context.ts';
import { trackedDir } from './tracked-dir.ts';

/**
 * The project that the working folder lies in, for commands about its models, with the addresses of the profile that is
 * named. Where the command line or the environment names a server that keeps models, any folder will do.
 *
 * @throws RecipeError REGISTRY_NOT_NAMED, ADDRESS_INVALID
 */
export async function openRegistry(options: Parsed['options'], context: Context): Promise<Project> {
  const flags = addressesOf(options);
  const dir = trackedDir(context.cwd) ?? (isServerNamed(flags, context) ? context.cwd : undefined);
  if (dir === undefined) throw new RecipeError('REGISTRY_NOT_NAMED', { dir: context.cwd });
  const project = new Project(dir, context, flags);
  await project.useProfile(text(options, 'profile'));
  return project;
}

function isServerNamed(flags: ReturnType<typeof addressesOf>, { env }: Context): boolean {
  return placesOf({ flags, env, profile: {} }).registry.kind === 'server';
}

import { Project } from '../compose.ts';
import { Schedules } from '../compose-schedules.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Context } from './context.ts';
import { trackedDir } from './tracked-dir.ts';

/** The schedules of the project that the working folder lies in. Dispose of both when done. */
export async function openSchedules(
  context: Context,
): Promise<{ readonly project: Project; readonly schedules: Schedules }> {
  const dir = trackedDir(context.cwd);
  if (dir === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: '', dir: context.cwd, known: [] });
  const project = new Project(dir, context);
  try {
    return { project, schedules: await Schedules.open(project, context) };
  } catch (error) {
    await project[Symbol.asyncDispose]();
    throw error;
  }
}

/** `2027-01-31 02:00:00` in UTC. */
export function utc(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

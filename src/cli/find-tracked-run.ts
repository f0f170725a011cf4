import { RecipeError } from '../core/recipe-error.ts';
import type { TrackedRunDetails, Tracking } from '../engine/tracking-port.ts';

/**
 * The run that is meant by an id, its beginning, a name or the id of a recipe's run.
 *
 * @throws RecipeError TRACKED_RUN_NOT_FOUND, TRACKED_RUN_AMBIGUOUS
 */
export async function findTrackedRun(tracking: Tracking, text: string): Promise<TrackedRunDetails> {
  const [id, ...others] = await tracking.idsLike(text);
  if (id !== undefined && others.length > 0)
    throw new RecipeError('TRACKED_RUN_AMBIGUOUS', {
      id: text,
      matches: [id, ...others].map((one) => one.slice(0, Math.max(8, text.length + 2))),
    });
  const run = id === undefined ? undefined : await tracking.read(id);
  if (run === undefined) throw new RecipeError('TRACKED_RUN_NOT_FOUND', { id: text });
  return run;
}

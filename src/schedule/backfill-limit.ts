import { RecipeError } from '../core/recipe-error.ts';

/** Each becomes a row of one transaction. */
export const MOST_BACKFILLED = 10_000;

/**
 * @param instants of ticks, oldest first; those beyond the first that is too many do not matter
 * @throws RecipeError BACKFILL_TOO_LARGE
 */
export function refuseLargeBackfill(instants: readonly number[]): void {
  const [last, next] = [instants[MOST_BACKFILLED - 1], instants[MOST_BACKFILLED]];
  if (last === undefined || next === undefined) return;
  throw new RecipeError('BACKFILL_TOO_LARGE', {
    most: MOST_BACKFILLED,
    last: inSeconds(last),
    next: inSeconds(next),
  });
}

function inSeconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

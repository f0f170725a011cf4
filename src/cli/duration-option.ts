import { RecipeError } from '../core/recipe-error.ts';
import { MAX_WAIT_MS, parseDuration } from '../recipe/read-value.ts';

/**
 * A duration of a command line, in milliseconds: `90s`, `5m`.
 *
 * @throws RecipeError USAGE
 */
export function durationOption(
  value: string | undefined,
  option: string,
  command: string,
): number | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value);
  if (ms === undefined || ms > MAX_WAIT_MS)
    throw new RecipeError('USAGE', {
      problem: `${option} ${value} is no duration, as 90s or 5m are`,
      command,
    });
  return ms;
}

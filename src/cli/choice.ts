import { RecipeError } from '../core/recipe-error.ts';

/** @throws RecipeError USAGE unless `value` is one of `choices`. */
export function choice<const T extends string>(
  what: string,
  choices: readonly T[],
  value: string,
  command: string,
): T {
  const found = choices.find((one) => one === value);
  if (found === undefined)
    throw new RecipeError('USAGE', {
      problem: `${what} ${value} is none of ${choices.join(', ')}`,
      command,
    });
  return found;
}

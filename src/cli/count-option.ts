import { RecipeError } from '../core/recipe-error.ts';

/** @throws RecipeError USAGE */
export function countOption(option: string, value: string | undefined, command: string): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new RecipeError('USAGE', { problem: `${option} ${value} is not a whole number from 1`, command });
}

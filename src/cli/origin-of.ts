import { RecipeError } from '../core/recipe-error.ts';

/**
 * The origin of a server's address.
 *
 * @throws RecipeError USAGE
 */
export function originOf(address: string, command: string): string {
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new RecipeError('USAGE', {
      problem: `${address} is no address as https://mlflow.example.com`,
      command,
    });
  return new URL(address).origin;
}

import type { Failure } from '../core/failure.ts';
import type { RecipeError } from '../core/recipe-error.ts';

/** What the user can mend, found only when a step's turn came, as the step's failure. */
export function failureOfError({ name, message, code, hint }: RecipeError): Failure {
  return { reason: 'threw', error: { name, message, code, ...(hint === undefined ? {} : { hint }) } };
}

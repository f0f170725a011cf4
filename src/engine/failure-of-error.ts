import type { Failure } from '../core/failure.ts';
import type { RecipeError } from '../core/recipe-error.ts';

/** What the user can mend, found only when a step's turn came, as the step's failure. */
export function failureOfError({ name, message, code, hint }: RecipeError): Failure {
  return { reason: 'threw', error: { name, message, code, ...(hint === undefined ? {} : { hint }) } };
}

/** What is no fault of the step's, and may be well the next time. */
export function infraFailureOf({ message, code, hint }: RecipeError): Failure {
  return { reason: 'infra', detail: message, code, ...(hint === undefined ? {} : { hint }) };
}

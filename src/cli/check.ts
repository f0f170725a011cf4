import type { RecipeError } from '../core/recipe-error.ts';

/** One thing that `recipe doctor` has looked at. */
export interface Check {
  readonly name: string;
  /** False: something will not work. */
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it. Beside `ok` it is advice: it works, and could be better. */
  readonly fix?: string;
}

/** What an error says, as a finding. */
export function checkOf(name: string, { message, hint }: RecipeError): Check {
  return { name, ok: false, detail: message, ...(hint === undefined ? {} : { fix: hint }) };
}

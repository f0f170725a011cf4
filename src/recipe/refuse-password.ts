import type { Scope } from './evaluate.ts';
import { evaluate } from './evaluate.ts';
import { errorAt } from './source.ts';
import type { Entry } from './tree.ts';

/**
 * Refuses a value of a profile that has a password in an address.
 *
 * @throws RecipeError PASSWORD_IN_PROFILE
 */
export function refusePassword(key: string, { value }: Entry): void {
  const text = JSON.stringify(evaluate(value, LENIENT));
  if (/:\/\/[^/@:\s"]*:[^/@\s"]+@/.test(text)) throw errorAt(value.span, 'PASSWORD_IN_PROFILE', { key });
}

const LENIENT: Scope = {
  lookUp: () => ({ kind: 'value', value: '' }),
  names: () => [],
  readJson: () => null,
  spend: () => undefined,
};

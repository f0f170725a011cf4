import { type TUnsafe, Type } from 'typebox';

/** Schema of a text that is one of a few; a wrong one is answered with the list. */
export function oneOf<const V extends string>(
  values: readonly V[],
  options: { default?: V; description?: string } = {},
): TUnsafe<V> {
  return Type.Unsafe<V>({ type: 'string', enum: [...values], ...options });
}

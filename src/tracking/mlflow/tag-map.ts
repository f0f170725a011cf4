import type { Tag } from './messages.ts';

/** Tags as a map of texts; the last of several values for a key stays. */
export function tagMap(pairs: readonly Tag[]): object {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
}

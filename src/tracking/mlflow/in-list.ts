import type { Sql } from '../../db/sql.ts';

/** A list of any length as one bound value: goes after `IN`, with `listOf(values)` in its place. */
export function inList({ dialect }: Pick<Sql, 'dialect'>, type: 'integer' | 'text'): string {
  if (dialect === 'sqlite') return '(SELECT value FROM json_each(?))';
  const values = 'jsonb_array_elements_text(CAST(? AS jsonb))';
  return type === 'text' ? `(SELECT ${values})` : `(SELECT CAST(${values} AS bigint))`;
}

export function listOf(values: readonly (string | number)[]): string {
  return JSON.stringify(values);
}

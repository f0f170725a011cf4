import type { SqlValue } from './sql.ts';

/** A list of any length as one bound value: goes for the placeholder of `CAST(? AS text[])` and the like. */
export function arrayOf(values: readonly SqlValue[]): string {
  return `{${values.map(elementOf).join(',')}}`;
}

function elementOf(value: SqlValue): string {
  if (typeof value === 'string') return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return value === null ? 'NULL' : String(value);
}

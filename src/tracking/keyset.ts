import type { Dialect, SqlValue } from '../db/sql.ts';
import { EVERY_ROW, type Sql } from './filter-sql.ts';
import type { SortKey } from './sort-key.ts';

/** Where a row stands: its value for each of the keys. The last of them no two rows share. */
export type Position = readonly SqlValue[];

/** A condition on the rows that come next, and how those are ordered. */
export interface Part extends Sql {
  readonly keys: readonly SortKey[];
}

/**
 * Conditions on what comes after a position, in their order: what has a value for the first key, and what
 * lacks it. In two, as of each an index has the beginning.
 */
export function partsAfter(
  keys: readonly SortKey[],
  position: Position | undefined,
  dialect: Dialect,
): Part[] {
  const [first] = keys;
  if (first === undefined) return [{ ...EVERY_ROW, keys }];
  const known = keys.with(0, { ...first, mayBeNull: false });
  const lacking = { text: `${first.text} IS NULL`, values: first.values, keys };
  if (position === undefined)
    // An index that is read from its end begins with what lacks the key, which comes last.
    return first.isIndexed === true && first.mayBeNull && !first.descending
      ? [{ text: `${first.text} IS NOT NULL`, values: first.values, keys: known }, lacking]
      : [{ ...EVERY_ROW, keys }];
  const boundBy = (some: readonly SortKey[]): Bound[] =>
    some.map((key, index) => ({ key, value: position[index] ?? null, dialect }));
  if (position[0] === null) return [{ ...after(boundBy(keys)), keys }];
  const next = { ...both(seek(boundBy(keys)), after(boundBy(known))), keys: known };
  return first.mayBeNull ? [next, lacking] : [next];
}

interface Bound {
  readonly key: SortKey;
  readonly value: SqlValue;
  readonly dialect: Dialect;
}

/** As many keys as go the same way, compared as one: what an index can be entered by. */
function seek(bounds: readonly Bound[]): Sql {
  const way = bounds[0]?.key.descending;
  const others = bounds.findIndex(({ key }, index) => key.descending !== way || (index > 0 && key.mayBeNull));
  const some = others === -1 ? bounds : bounds.slice(0, others);
  const list = (parts: readonly string[]): string =>
    parts.length === 1 ? parts.join() : `(${parts.join(', ')})`;
  return {
    text: `${list(some.map(({ key }) => key.text))} ${way === true ? '<=' : '>='} ${list(some.map(placeholder))}`,
    values: [
      ...some.flatMap(({ key }) => key.values),
      ...some.flatMap(({ value }) => (value === null ? [] : [value])),
    ],
  };
}

/** The first key is beyond, or equal with the next one beyond, and so on. */
function after([bound, ...others]: readonly Bound[]): Sql {
  if (bound === undefined) return { text: 'false', values: [] };
  const { key, value } = bound;
  const isNull = { text: `${key.text} IS NULL`, values: key.values };
  if (value === null) return others.length === 0 ? after([]) : both(isNull, after(others));
  const compared = (operator: string): Sql => ({
    text: `${key.text} ${operator} ${placeholder(bound)}`,
    values: [...key.values, value],
  });
  const beyond = compared(key.descending ? '<' : '>');
  const strictly = key.mayBeNull ? either(beyond, isNull) : beyond;
  return others.length === 0 ? strictly : either(strictly, both(compared('='), after(others)));
}

/** PostgreSQL would read a number as what the column is, and fail on one that does not fit. */
function placeholder({ key: { type }, dialect }: Bound): string {
  if (dialect === 'sqlite' || type === 'text') return '?';
  return type === 'integer' ? 'CAST(? AS bigint)' : 'CAST(? AS double precision)';
}

function both(a: Sql, b: Sql): Sql {
  return { text: `(${a.text}) AND (${b.text})`, values: [...a.values, ...b.values] };
}

function either(a: Sql, b: Sql): Sql {
  return { text: `(${a.text}) OR (${b.text})`, values: [...a.values, ...b.values] };
}

import type { Grammar, Ordering } from './filter.ts';
import { columnOf, having, type Searched, type Sql } from './filter-sql.ts';

/** One of the values that rows are ordered by. Null comes last, whichever way the others go. */
export interface SortKey extends Sql {
  readonly type: 'text' | 'integer' | 'double';
  readonly descending: boolean;
  readonly mayBeNull: boolean;
  /** Whether an index has the rows by it, descending, and those that lack it last. */
  readonly isIndexed?: boolean;
}

/** What no row lacks; a column. */
export function columnKey(text: string, type: SortKey['type'], way: 'ASC' | 'DESC' = 'ASC'): SortKey {
  return { text, values: [], type, descending: way === 'DESC', mayBeNull: false };
}

/** What lacks the key comes last either way, and before it what is no number. */
export function sortKeysOf(
  { entity, key, descending }: Ordering,
  { numeric }: Grammar,
  searched: Searched,
): SortKey[] {
  if (entity === 'attribute') {
    const column = columnOf(searched.columns[key]);
    return [
      {
        ...column,
        type: numeric.has(key) ? 'integer' : 'text',
        descending,
        mayBeNull: true,
        isIndexed: searched.indexed?.has(key) === true,
      },
    ];
  }
  const value = having(searched, entity, key, 'x.value');
  return entity === 'metric'
    ? numberKeys(having(searched, entity, key, 'x.is_nan'), value, descending)
    : [{ text: `(${value.text})`, values: value.values, type: 'text', descending, mayBeNull: true }];
}

/** Keys of a number that may be none, or lacking; of its two columns, each as a SELECT of at most one row. */
export function numberKeys(isNan: Sql, value: Sql, descending: boolean): SortKey[] {
  return [
    {
      text: `coalesce((${isNan.text}), 2)`,
      values: isNan.values,
      type: 'integer',
      descending: false,
      mayBeNull: false,
    },
    { text: `(${value.text})`, values: value.values, type: 'double', descending, mayBeNull: true },
  ];
}

/** After ORDER BY. */
export function orderOf(keys: readonly SortKey[]): Sql {
  return {
    text: keys.map((key) => `${key.text} ${key.descending ? 'DESC' : 'ASC'}${nullsOf(key)}`).join(', '),
    values: keys.flatMap(({ values }) => values),
  };
}

/** Where no null is, as the index says it from its one end or its other: PostgreSQL compares the words. */
function nullsOf({ descending, mayBeNull, isIndexed }: SortKey): string {
  if (mayBeNull || (isIndexed === true && descending)) return ' NULLS LAST';
  return isIndexed === true ? ' NULLS FIRST' : '';
}

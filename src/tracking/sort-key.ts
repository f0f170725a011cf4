import type { Grammar, Ordering } from './filter.ts';
import { columnOf, having, type Searched, type Sql } from './filter-sql.ts';

/** One of the values that rows are ordered by. Null comes last, whichever way the others go. */
export interface SortKey extends Sql {
  readonly type: 'text' | 'integer' | 'double';
  readonly descending: boolean;
  readonly mayBeNull: boolean;
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
    return [{ ...column, type: numeric.has(key) ? 'integer' : 'text', descending, mayBeNull: true }];
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
    text: keys
      .map(
        ({ text, descending, mayBeNull }) =>
          `${text} ${descending ? 'DESC' : 'ASC'}${mayBeNull ? ' NULLS LAST' : ''}`,
      )
      .join(', '),
    values: keys.flatMap(({ values }) => values),
  };
}

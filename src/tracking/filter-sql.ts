import type { Dialect } from '../db/sql.ts';
import type { Attribute, Comparison, Ordering } from './filter.ts';
import type { Entity } from './filter-reader.ts';

/** SQL with `?` for each of the values: what a user wrote is bound, never part of the text. */
export interface Sql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** A condition that holds for every row. */
export const EVERY_ROW: Sql = { text: 'true', values: [] };

/** Where what is compared is found. */
export interface Searched {
  /** Columns of the attributes. */
  readonly columns: Readonly<Record<string, string>>;
  /** Tables of the keyed values, with the condition that joins them as `x`. */
  readonly keyed: Readonly<Partial<Record<Entity, { readonly table: string; readonly join: string }>>>;
}

const RUN_COLUMNS: Readonly<Record<Attribute, string>> = {
  run_id: 'r.run_uuid',
  run_name: 'r.name',
  status: 'r.status',
  user_id: 'r.user_id',
  start_time: 'r.start_time',
  end_time: 'r.end_time',
  experiment: 'e.name',
};
const OF_RUN = 'x.run_uuid = r.run_uuid';

/** `runs r JOIN experiments e` */
export const RUNS: Searched = {
  columns: RUN_COLUMNS,
  keyed: {
    metric: { table: 'latest_metrics', join: OF_RUN },
    param: { table: 'params', join: OF_RUN },
    tag: { table: 'tags', join: OF_RUN },
  },
};

/** A condition on the rows of what is searched. */
export function conditionOf(comparison: Comparison, dialect: Dialect, searched: Searched = RUNS): Sql {
  const { entity, key, operator } = comparison;
  if (operator === 'IS NULL' || operator === 'IS NOT NULL')
    return {
      text: `${operator === 'IS NULL' ? 'NOT ' : ''}EXISTS (${having(searched, entity)})`,
      values: [key],
    };
  switch (entity) {
    case 'attribute': {
      const column = searched.columns[key] ?? '';
      const test = testOf(comparison, column, dialect);
      return { text: `${column} IS NOT NULL AND ${test.text}`, values: test.values };
    }
    case 'dataset': {
      const test = testOf(comparison, key === 'context' ? 'i.context' : `d.${key}`, dialect);
      return {
        text: `EXISTS (SELECT 1 FROM inputs i JOIN datasets d USING (dataset_uuid) WHERE i.run_uuid = r.run_uuid AND ${test.text})`,
        values: test.values,
      };
    }
    case 'metric': {
      // A number that is none differs from every other, and is neither below nor above.
      const test = testOf(comparison, 'x.value', dialect);
      const nan = operator === '!=' ? `(x.is_nan = 1 OR ${test.text})` : `x.is_nan = 0 AND ${test.text}`;
      return { text: `EXISTS (${having(searched, entity)} AND ${nan})`, values: [key, ...test.values] };
    }
    default: {
      const test = testOf(comparison, 'x.value', dialect);
      return { text: `EXISTS (${having(searched, entity)} AND ${test.text})`, values: [key, ...test.values] };
    }
  }
}

/** Ids of the runs that have a value which passes, as a SELECT; undefined where what passes is nearly all, or none has it. */
export function passingRuns(comparison: Comparison, dialect: Dialect): Sql | undefined {
  const { entity, key, operator } = comparison;
  const table = RUNS.keyed[entity]?.table;
  if (table === undefined || operator === '!=' || operator === 'NOT IN' || operator.startsWith('IS'))
    return undefined;
  const test = testOf(comparison, 'x.value', dialect);
  const nan = entity === 'metric' ? 'x.is_nan = 0 AND ' : '';
  return {
    text: `SELECT x.run_uuid FROM ${table} x WHERE x.key = ? AND ${nan}${test.text}`,
    values: [key, ...test.values],
  };
}

/** What lacks the key comes last either way, and before it what is no number. */
export function orderOf({ entity, key, descending }: Ordering, searched: Searched = RUNS): Sql {
  const way = descending ? 'DESC' : 'ASC';
  if (entity === 'attribute') return { text: `${searched.columns[key]} ${way} NULLS LAST`, values: [] };
  const found = (column: string): string =>
    `(${having(searched, entity).replace('SELECT 1', `SELECT x.${column}`)})`;
  if (entity !== 'metric') return { text: `${found('value')} ${way} NULLS LAST`, values: [key] };
  return {
    text: `coalesce(${found('is_nan')}, 2), ${found('value')} ${way}`,
    values: [key, key],
  };
}

function having({ keyed }: Searched, entity: Entity): string {
  const found = keyed[entity];
  if (found === undefined) throw new Error(`Internal error: no table of ${entity}`);
  return `SELECT 1 FROM ${found.table} x WHERE ${found.join} AND x.key = ?`;
}

/** LIKE is case-sensitive in this language, ILIKE folds ASCII; SQLite's own GLOB and LIKE are the other way round. */
function testOf(comparison: Comparison, column: string, dialect: Dialect): Sql {
  switch (comparison.operator) {
    case 'IN':
    case 'NOT IN': {
      const { operator, value } = comparison;
      return { text: `${column} ${operator} (${value.map(() => '?').join(', ')})`, values: value };
    }
    case 'LIKE':
      return dialect === 'sqlite'
        ? { text: `${column} GLOB ?`, values: [globOf(comparison.value)] }
        : { text: `${column} LIKE ? ESCAPE ''`, values: [comparison.value] };
    case 'ILIKE':
      return dialect === 'sqlite'
        ? { text: `${column} LIKE ?`, values: [comparison.value] }
        : { text: `lower(${column}) LIKE lower(? COLLATE "C") ESCAPE ''`, values: [comparison.value] };
    case 'IS NULL':
    case 'IS NOT NULL':
      throw new Error('Internal error: a test for null has no value');
    default: {
      // PostgreSQL would read the value as what the column is: `1.5` is no whole number.
      const value =
        typeof comparison.value === 'number' && dialect === 'postgres' ? 'CAST(? AS double precision)' : '?';
      return { text: `${column} ${comparison.operator} ${value}`, values: [comparison.value] };
    }
  }
}

function globOf(like: string): string {
  return like.replaceAll(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');
}

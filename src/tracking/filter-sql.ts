import type { Dialect } from '../db/sql.ts';
import type { Attribute, Comparison } from './filter.ts';
import type { Entity } from './filter-reader.ts';
import { inList, listOf } from './mlflow/in-list.ts';

/** SQL with `?` for each of the values: what a user wrote is bound, never part of the text. */
export interface Sql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** A condition that holds for every row. */
export const EVERY_ROW: Sql = { text: 'true', values: [] };

/** Where what is compared is found. */
export interface Searched {
  /** Columns of the attributes, or what is made of columns. */
  readonly columns: Readonly<Record<string, string | Sql>>;
  /** Those that are compared as something else than what they are ordered by. */
  readonly compared?: Readonly<Record<string, string>>;
  /** Attributes in whose order an index has the rows: descending, those that lack them last. */
  readonly indexed?: ReadonlySet<string>;
  /** Tables of the keyed values, with the condition that joins them as `x`. */
  readonly keyed: Readonly<Partial<Record<Entity, Keyed>>>;
}

interface Keyed {
  /** A name, or a SELECT in parentheses. */
  readonly table: string;
  readonly join: string;
  /** Of the SELECT. */
  readonly values?: readonly (string | number)[];
}

const RUN_COLUMNS: Readonly<Record<Exclude<Attribute, 'artifact_uri'>, string>> = {
  run_id: 'r.run_uuid',
  run_name: 'r.name',
  status: 'r.status',
  user_id: 'r.user_id',
  start_time: 'r.start_time',
  end_time: 'r.end_time',
  experiment: 'e.name',
};
const INDEXED_OF_RUN: ReadonlySet<string> = new Set(['start_time']);
const OF_RUN = 'x.run_uuid = r.run_uuid';

const RUN_TABLES = {
  metric: { table: 'latest_metrics', join: OF_RUN },
  param: { table: 'params', join: OF_RUN },
  tag: { table: 'tags', join: OF_RUN },
} as const;

/**
 * `runs r JOIN experiments e`
 *
 * @param root below which the artifacts of experiments lie that have no place of their own
 */
export function runsBelow(root: string): Searched {
  return {
    columns: {
      ...RUN_COLUMNS,
      artifact_uri: {
        text: "(coalesce(e.artifact_location, CAST(? AS text) || '/' || CAST(e.experiment_id AS text)) || '/' || r.run_uuid || '/artifacts')",
        values: [root],
      },
    },
    indexed: INDEXED_OF_RUN,
    keyed: RUN_TABLES,
  };
}

/** A condition on the rows of what is searched. */
export function conditionOf(comparison: Comparison, dialect: Dialect, searched: Searched): Sql {
  const { entity, key, operator } = comparison;
  if (operator === 'IS NULL' || operator === 'IS NOT NULL') {
    if (entity === 'attribute') {
      const { text, values } = columnOf(searched.columns[key]);
      return { text: `${text} ${operator}`, values };
    }
    const { text, values } = having(searched, entity, key);
    return { text: `${operator === 'IS NULL' ? 'NOT ' : ''}EXISTS (${text})`, values };
  }
  switch (entity) {
    case 'attribute': {
      const { text, values } = columnOf(searched.compared?.[key] ?? searched.columns[key]);
      const test = testOf(comparison, text, dialect);
      return { text: `${text} IS NOT NULL AND ${test.text}`, values: [...values, ...values, ...test.values] };
    }
    case 'dataset': {
      const test = testOf(comparison, key === 'context' ? 'i.context' : `d.${key}`, dialect);
      return {
        text: `EXISTS (SELECT 1 FROM inputs i JOIN datasets d USING (dataset_uuid) WHERE i.run_uuid = r.run_uuid AND ${test.text})`,
        values: test.values,
      };
    }
    default: {
      const { text, values } = having(searched, entity, key);
      const test = testOf(comparison, 'x.value', dialect);
      if (entity !== 'metric')
        return { text: `EXISTS (${text} AND ${test.text})`, values: [...values, ...test.values] };
      // A number that is none differs from every other, and is neither below nor above.
      const nan = operator === '!=' ? `(x.is_nan = 1 OR ${test.text})` : `x.is_nan = 0 AND ${test.text}`;
      return { text: `EXISTS (${text} AND ${nan})`, values: [...values, ...test.values] };
    }
  }
}

/** Up to so many runs that have a value which passes, as a SELECT; undefined where what passes is nearly all, or none has it. */
export function passingRuns(comparison: Comparison, dialect: Dialect, limit: number): Sql | undefined {
  const { entity, key, operator } = comparison;
  const table = entity === 'metric' ? 'metric_values' : tableOf(entity);
  if (table === undefined || operator === '!=' || operator === 'NOT IN' || operator.startsWith('IS'))
    return undefined;
  const test = testOf(comparison, 'x.value', dialect);
  const nan = entity === 'metric' ? 'x.is_nan = 0 AND ' : '';
  return {
    text: `SELECT x.run_uuid FROM ${table} x WHERE x.key = ? AND ${nan}${test.text} LIMIT ?`,
    values: [key, ...test.values, limit],
  };
}

function tableOf(entity: Entity): string | undefined {
  return entity === 'param' || entity === 'tag' ? RUN_TABLES[entity].table : undefined;
}

export function columnOf(column: string | Sql | undefined): Sql {
  if (column === undefined) throw new Error('Internal error: no column of an attribute');
  return typeof column === 'string' ? { text: column, values: [] } : column;
}

/** The rows that have the key, as a SELECT of a column of theirs. */
export function having({ keyed }: Searched, entity: Entity, key: string, column = '1'): Sql {
  const found = keyed[entity];
  if (found === undefined) throw new Error(`Internal error: no table of ${entity}`);
  return {
    text: `SELECT ${column} FROM ${found.table} x WHERE ${found.join} AND x.key = ?`,
    values: [...(found.values ?? []), key],
  };
}

/** LIKE is case-sensitive in this language, ILIKE folds ASCII; SQLite's own GLOB and LIKE are the other way round. */
export function testOf(comparison: Comparison, column: string, dialect: Dialect): Sql {
  switch (comparison.operator) {
    case 'IN':
    case 'NOT IN': {
      const { operator, value } = comparison;
      return { text: `${column} ${operator} ${inList({ dialect }, 'text')}`, values: [listOf(value)] };
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

import type { Attribute, Comparison, Ordering } from '../filter.ts';

/** SQL with `?` for each of the values: what a user wrote is bound, never part of the text. */
export interface Sql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

const COLUMNS: Readonly<Record<Attribute, string>> = {
  run_id: 'r.run_uuid',
  run_name: 'r.name',
  status: 'r.status',
  user_id: 'r.user_id',
  start_time: 'r.start_time',
  end_time: 'r.end_time',
  experiment: 'e.name',
};

const TABLES = { metric: 'latest_metrics', param: 'params', tag: 'tags' } as const;

/** A condition on `runs r JOIN experiments e`. */
export function conditionOf(comparison: Comparison): Sql {
  const { entity, key, operator } = comparison;
  if (operator === 'IS NULL' || operator === 'IS NOT NULL')
    return {
      text: `${operator === 'IS NULL' ? 'NOT ' : ''}EXISTS (${having(entity as 'tag')})`,
      values: [key],
    };
  switch (entity) {
    case 'attribute': {
      const column = COLUMNS[key as Attribute];
      const test = testOf(comparison, column);
      return { text: `${column} IS NOT NULL AND ${test.text}`, values: test.values };
    }
    case 'dataset': {
      const test = testOf(comparison, key === 'context' ? 'i.context' : `d.${key}`);
      return {
        text: `EXISTS (SELECT 1 FROM inputs i JOIN datasets d USING (dataset_uuid) WHERE i.run_uuid = r.run_uuid AND ${test.text})`,
        values: test.values,
      };
    }
    case 'metric': {
      // A number that is none differs from every other, and is neither below nor above.
      const test = testOf(comparison, 'x.value');
      const nan = operator === '!=' ? `(x.is_nan = 1 OR ${test.text})` : `x.is_nan = 0 AND ${test.text}`;
      return { text: `EXISTS (${having(entity)} AND ${nan})`, values: [key, ...test.values] };
    }
    default: {
      const test = testOf(comparison, 'x.value');
      return { text: `EXISTS (${having(entity)} AND ${test.text})`, values: [key, ...test.values] };
    }
  }
}

/** What lacks the key comes last either way, and before it what is no number. */
export function orderOf({ entity, key, descending }: Ordering): Sql {
  const way = descending ? 'DESC' : 'ASC';
  if (entity === 'attribute') return { text: `${COLUMNS[key as Attribute]} ${way} NULLS LAST`, values: [] };
  const found = (column: string): string =>
    `(SELECT ${column} FROM ${TABLES[entity]} x WHERE x.run_uuid = r.run_uuid AND x.key = ?)`;
  if (entity !== 'metric') return { text: `${found('x.value')} ${way} NULLS LAST`, values: [key] };
  return {
    text: `coalesce(${found('x.is_nan')}, 2), ${found('x.value')} ${way}`,
    values: [key, key],
  };
}

function having(entity: 'metric' | 'param' | 'tag'): string {
  return `SELECT 1 FROM ${TABLES[entity]} x WHERE x.run_uuid = r.run_uuid AND x.key = ?`;
}

/** LIKE is case-sensitive in this language, ILIKE is not; SQLite's own GLOB and LIKE are the other way round. */
function testOf(comparison: Comparison, column: string): Sql {
  switch (comparison.operator) {
    case 'IN':
    case 'NOT IN': {
      const { operator, value } = comparison;
      return { text: `${column} ${operator} (${value.map(() => '?').join(', ')})`, values: value };
    }
    case 'LIKE':
      return { text: `${column} GLOB ?`, values: [globOf(comparison.value)] };
    case 'ILIKE':
      return { text: `${column} LIKE ?`, values: [comparison.value] };
    case 'IS NULL':
    case 'IS NOT NULL':
      throw new Error('Internal error: a test for null has no value');
    default:
      return { text: `${column} ${comparison.operator} ?`, values: [comparison.value] };
  }
}

function globOf(like: string): string {
  return like.replaceAll(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');
}

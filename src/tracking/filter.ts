import { nearest } from '../recipe/nearest.ts';
import { type Entity, FilterReader, type Identifier } from './filter-reader.ts';

/** One comparison of MLflow's filter language (its `search_runs`): only AND, no OR, no parentheses. */
export type Comparison = { readonly entity: Entity; readonly key: string } & (
  | { readonly operator: OrderOperator; readonly value: number }
  | { readonly operator: '=' | '!=' | 'LIKE' | 'ILIKE'; readonly value: string }
  | { readonly operator: 'IN' | 'NOT IN'; readonly value: readonly string[] }
  | { readonly operator: 'IS NULL' | 'IS NOT NULL'; readonly value?: undefined }
);

export type OrderOperator = '=' | '!=' | '>' | '>=' | '<' | '<=';

/** One key of an order. */
export interface Ordering {
  readonly entity: Exclude<Entity, 'dataset'>;
  readonly key: string;
  readonly descending: boolean;
}

/** Attributes of a run by the names that may be written, and what they are called here. */
export const ATTRIBUTES = {
  run_id: 'run_id',
  id: 'run_id',
  run_name: 'run_name',
  name: 'run_name',
  'Run name': 'run_name',
  status: 'status',
  user_id: 'user_id',
  experiment: 'experiment',
  start_time: 'start_time',
  created: 'start_time',
  Created: 'start_time',
  end_time: 'end_time',
} as const;

export type Attribute = (typeof ATTRIBUTES)[keyof typeof ATTRIBUTES];

const NUMERIC: ReadonlySet<string> = new Set<Attribute>(['start_time', 'end_time']);
const DATASET_KEYS = ['name', 'digest', 'context'];
/** More than anyone writes; a database has its own limit, and says it less clearly. */
const MAX_COMPARISONS = 100;
const MAX_PATTERN = 10_000;

const NUMBER_OPERATORS = ['=', '!=', '>', '>=', '<', '<='];
const TEXT_OPERATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'];
const NULL_OPERATORS = ['IS NULL', 'IS NOT NULL'];

/** @throws RecipeError FILTER_INVALID with the column */
export function parseFilter(filter: string): Comparison[] {
  const reader = new FilterReader(filter);
  const comparisons = [comparison(reader)];
  while (reader.accept(/AND\b/iy)) {
    if (comparisons.length >= MAX_COMPARISONS)
      throw reader.error(`there are more than ${MAX_COMPARISONS} comparisons`);
    comparisons.push(comparison(reader));
  }
  if (!reader.isAtEnd) throw reader.error('AND or the end is expected');
  return comparisons;
}

/**
 * `metrics.auc DESC, start_time`
 *
 * @throws RecipeError FILTER_INVALID with the column
 */
export function parseOrder(order: string): Ordering[] {
  const reader = new FilterReader(order);
  const orderings: Ordering[] = [];
  do {
    const identifier = known(reader, reader.identifier());
    const { entity, key, column } = identifier;
    if (entity === 'dataset') throw reader.error('runs are not ordered by data sets', column);
    if (orderings.some((other) => other.entity === entity && other.key === key))
      throw reader.error(`${key} is there twice`, column);
    const descending = reader.accept(/DESC\b/iy);
    if (!descending) reader.accept(/ASC\b/iy);
    orderings.push({ entity, key, descending });
  } while (reader.accept(/,/y));
  if (!reader.isAtEnd) throw reader.error('ASC, DESC, a comma or the end is expected');
  return orderings;
}

function comparison(reader: FilterReader): Comparison {
  const { entity, key } = known(reader, reader.identifier());
  const isNumber = entity === 'metric' || (entity === 'attribute' && NUMERIC.has(key));
  const mayLack = entity === 'param' || entity === 'tag';
  const allowed = isNumber ? NUMBER_OPERATORS : [...TEXT_OPERATORS, ...(mayLack ? NULL_OPERATORS : [])];
  const { column } = reader;
  const written = reader.operator();
  const operator = written === '<>' ? '!=' : written;
  if (!allowed.includes(operator))
    throw reader.error(
      `${operator} does not go with ${isNumber ? 'numbers' : 'texts'}; there are ${allowed.join(', ')}`,
      column,
    );
  switch (operator) {
    case 'IS NULL':
    case 'IS NOT NULL':
      return { entity, key, operator };
    case 'IN':
    case 'NOT IN':
      return { entity, key, operator, value: reader.list() };
    default: {
      if (isNumber) return { entity, key, operator: operator as OrderOperator, value: reader.number() };
      const at = reader.column;
      const value = reader.string();
      if (operator.endsWith('LIKE') && value.length > MAX_PATTERN)
        throw reader.error(`a pattern has at most ${MAX_PATTERN} characters`, at);
      return { entity, key, operator: operator as 'LIKE', value };
    }
  }
}

/** Attributes by the names they have here; unknown ones are refused. */
function known(reader: FilterReader, identifier: Identifier): Identifier {
  const { entity, key, column } = identifier;
  if (entity === 'dataset' && !DATASET_KEYS.includes(key))
    throw reader.error(`a data set has ${DATASET_KEYS.join(', ')}, and no ${key}`, column);
  if (entity !== 'attribute') return identifier;
  if (!Object.hasOwn(ATTRIBUTES, key)) {
    const guess = nearest(key, Object.keys(ATTRIBUTES));
    throw reader.error(
      `a run has no attribute ${key}${guess === undefined ? `; there are ${Object.keys(ATTRIBUTES).join(', ')}` : `; did you mean ${guess}?`}`,
      column,
    );
  }
  return { entity, key: ATTRIBUTES[key as keyof typeof ATTRIBUTES], column };
}

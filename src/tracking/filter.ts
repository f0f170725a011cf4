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

/** What is searched, and what of it can be compared. */
export interface Grammar {
  /** `a run`, for messages. */
  readonly what: string;
  /** Attributes by the names that may be written, and what they are called in the order and the filter. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly numeric: ReadonlySet<string>;
  readonly entities: readonly Entity[];
}

export const RUN_GRAMMAR: Grammar = {
  what: 'a run',
  attributes: ATTRIBUTES,
  numeric: new Set(['start_time', 'end_time']),
  entities: ['metric', 'param', 'tag', 'attribute', 'dataset'],
};

const DATASET_KEYS = ['name', 'digest', 'context'];
/** More than anyone writes; a database has its own limit, and says it less clearly. */
const MAX_COMPARISONS = 100;
const MAX_PATTERN = 10_000;

const NUMBER_OPERATORS = ['=', '!=', '>', '>=', '<', '<='];
const TEXT_OPERATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'];
const NULL_OPERATORS = ['IS NULL', 'IS NOT NULL'];

/** @throws RecipeError FILTER_INVALID with the column */
export function parseFilter(filter: string, grammar: Grammar = RUN_GRAMMAR): Comparison[] {
  const reader = new FilterReader(filter);
  const comparisons = [comparison(reader, grammar)];
  while (reader.accept(/AND\b/iy)) {
    if (comparisons.length >= MAX_COMPARISONS)
      throw reader.error(`there are more than ${MAX_COMPARISONS} comparisons`);
    comparisons.push(comparison(reader, grammar));
  }
  if (!reader.isAtEnd) throw reader.error('AND or the end is expected');
  return comparisons;
}

/**
 * `metrics.auc DESC, start_time`
 *
 * @throws RecipeError FILTER_INVALID with the column
 */
export function parseOrder(order: string, grammar: Grammar = RUN_GRAMMAR): Ordering[] {
  const reader = new FilterReader(order);
  const orderings: Ordering[] = [];
  do {
    const identifier = known(reader, reader.identifier(), grammar);
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

function comparison(reader: FilterReader, grammar: Grammar): Comparison {
  const { entity, key } = known(reader, reader.identifier(), grammar);
  const isNumber = entity === 'metric' || (entity === 'attribute' && grammar.numeric.has(key));
  const mayLack = entity === 'param' || entity === 'tag' || entity === 'metadata';
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
function known(
  reader: FilterReader,
  identifier: Identifier,
  { what, attributes, entities }: Grammar,
): Identifier {
  const { entity, key, column } = identifier;
  if (!entities.includes(entity))
    throw reader.error(`${what} has no ${entity === 'metadata' ? entity : `${entity}s`} to compare`, column);
  if (entity === 'dataset' && !DATASET_KEYS.includes(key))
    throw reader.error(`a data set has ${DATASET_KEYS.join(', ')}, and no ${key}`, column);
  if (entity !== 'attribute') return identifier;
  const name = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
  if (name === undefined) {
    const guess = nearest(key, Object.keys(attributes));
    throw reader.error(
      `${what} has no attribute ${key}${guess === undefined ? `; there are ${Object.keys(attributes).join(', ')}` : `; did you mean ${guess}?`}`,
      column,
    );
  }
  return { entity, key: name, column };
}

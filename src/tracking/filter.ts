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
  readonly entity: 'metric' | 'param' | 'tag' | 'attribute' | 'metadata';
  readonly key: string;
  readonly descending: boolean;
}

/** Attributes of a run by the names that may be written, and what they are called here. */
export const ATTRIBUTES = {
  run_id: 'run_id',
  id: 'run_id',
  run_name: 'run_name',
  name: 'run_name',
  'run name': 'run_name',
  'Run name': 'run_name',
  'Run Name': 'run_name',
  status: 'status',
  user_id: 'user_id',
  experiment: 'experiment',
  start_time: 'start_time',
  created: 'start_time',
  Created: 'start_time',
  end_time: 'end_time',
  artifact_uri: 'artifact_uri',
} as const;

export type Attribute = (typeof ATTRIBUTES)[keyof typeof ATTRIBUTES];

/** What is searched, and what of it can be compared. */
export interface Grammar {
  /** `a run`, for messages. */
  readonly what: string;
  /** Attributes by the names that may be written, and what they are called in the order and the filter. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly numeric: ReadonlySet<string>;
  /** Numbers that are written as texts: they are equal or not, neither more nor less. */
  readonly ids?: ReadonlySet<string>;
  /** Attributes that a thing may lack, and that are asked for by IS NULL. */
  readonly optional?: ReadonlySet<string>;
  /** Attributes, as they are called here, that nothing is ordered by. */
  readonly unordered?: ReadonlySet<string>;
  readonly entities: readonly Entity[];
}

export const RUN_GRAMMAR: Grammar = {
  what: 'a run',
  attributes: ATTRIBUTES,
  numeric: new Set(['start_time', 'end_time']),
  entities: ['metric', 'param', 'tag', 'attribute', 'dataset'],
};

const DATASET_KEYS = ['name', 'digest', 'context'];
const SPAN_KEYS = ['name', 'type', 'status', 'content'];
/** What traces have several of; none is ordered by them. */
const MANY: ReadonlySet<Entity> = new Set(['dataset', 'feedback', 'expectation', 'issue', 'span']);
const UNCOUNTED: ReadonlySet<Entity> = new Set(['metadata', 'feedback']);
/** More than anyone writes; a database has its own limit, and says it less clearly. */
const MAX_COMPARISONS = 100;
const MAX_PATTERN = 10_000;
/** Each key is a column or two of the result, and a look-up for every row. */
export const MAX_ORDERINGS = 20;

const ORDER_OPERATORS = ['>', '>=', '<', '<='];
const NUMBER_OPERATORS = ['=', '!=', ...ORDER_OPERATORS];
const TEXT_OPERATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'];
const ID_OPERATORS = ['=', '!=', 'IN', 'NOT IN'];
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
    if (orderings.length >= MAX_ORDERINGS)
      throw reader.error(`there are more than ${MAX_ORDERINGS} keys to order by`, column);
    if (entity === 'attribute' && grammar.unordered?.has(key) === true)
      throw reader.error(`${grammar.what} is not ordered by ${key}`, column);
    if (!isOrdered(entity))
      throw reader.error(
        `${grammar.what} is not ordered by ${entity === 'dataset' ? 'data sets' : entity}`,
        column,
      );
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
  const { column } = reader;
  const written = reader.operator();
  const operator = written === '<>' ? '!=' : written;
  const isAssessed = entity === 'feedback' || entity === 'expectation';
  const isId = entity === 'attribute' && grammar.ids?.has(key) === true;
  const isNumber =
    entity === 'metric' ||
    (entity === 'attribute' && !isId && grammar.numeric.has(key)) ||
    (isAssessed && ORDER_OPERATORS.includes(operator));
  const mayLack = entity === 'attribute' && grammar.optional?.has(key) === true;
  const allowed = isId
    ? ID_OPERATORS
    : [...operatorsOf(entity, isNumber), ...(mayLack ? NULL_OPERATORS : [])];
  if (!allowed.includes(operator))
    throw reader.error(
      `${operator} does not go with ${isId ? 'ids' : isNumber ? 'numbers' : 'texts'}; there are ${allowed.join(', ')}`,
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
      if (isNumber)
        return {
          entity,
          key,
          operator: operator as OrderOperator,
          value: reader.number({ mayBeQuoted: entity === 'attribute' }),
        };
      const at = reader.column;
      const value = reader.string();
      if (operator.endsWith('LIKE') && value.length > MAX_PATTERN)
        throw reader.error(`a pattern has at most ${MAX_PATTERN} characters`, at);
      return { entity, key, operator: operator as 'LIKE', value };
    }
  }
}

function operatorsOf(entity: Entity, isNumber: boolean): readonly string[] {
  switch (entity) {
    case 'feedback':
    case 'expectation':
      return ['=', '!=', 'LIKE', 'ILIKE', ...ORDER_OPERATORS, ...NULL_OPERATORS];
    case 'issue':
      return ['='];
    case 'param':
    case 'tag':
    case 'metadata':
      return [...TEXT_OPERATORS, ...NULL_OPERATORS];
    default:
      return isNumber ? NUMBER_OPERATORS : TEXT_OPERATORS;
  }
}

function isOrdered(entity: Entity): entity is Ordering['entity'] {
  return !MANY.has(entity);
}

/** Attributes by the names they have here; unknown ones are refused. */
function known(
  reader: FilterReader,
  identifier: Identifier,
  { what, attributes, entities }: Grammar,
): Identifier {
  const { entity, key, column } = identifier;
  if (!entities.includes(entity))
    throw reader.error(`${what} has no ${UNCOUNTED.has(entity) ? entity : `${entity}s`} to compare`, column);
  if (entity === 'dataset' && !DATASET_KEYS.includes(key))
    throw reader.error(`a data set has ${DATASET_KEYS.join(', ')}, and no ${key}`, column);
  if (entity === 'span' && !SPAN_KEYS.includes(key) && !/^attributes\../.test(key))
    throw reader.error(`a span has ${SPAN_KEYS.join(', ')} and attributes.NAME, and no ${key}`, column);
  if (entity === 'issue' && key !== 'id') throw reader.error(`an issue has id, and no ${key}`, column);
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

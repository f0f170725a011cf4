import { unreachable } from '../../core/failure.ts';
import type { CalendarPart, Feature, Target, Transformer } from './transformer.ts';

/** Quoting belongs to the tables; this part only says where it is needed. */
export interface SqlQuotes {
  readonly identifier: (name: string) => string;
  readonly literal: (text: string) => string;
}

/** SQL expressions for the target, the weight and each feature, as FLOAT columns, to select from raw rows. */
export function transformerSql(transformer: Transformer, quotes: SqlQuotes): string[] {
  const { target, weight, features } = transformer;
  return [
    `${targetSql(target, quotes)} AS ${quotes.identifier('__target')}`,
    ...(weight === undefined
      ? []
      : [`${quotes.identifier(weight)}::DOUBLE AS ${quotes.identifier('__weight')}`]),
    ...features.map(
      (feature) => `${featureSql(feature, transformer, quotes)} AS ${quotes.identifier(feature.name)}`,
    ),
  ];
}

/** The value if it is finite, or the index of the class; NULL for a class that was not in the training rows. */
export function targetSql({ column, classes }: Target, { identifier, literal }: SqlQuotes): string {
  if (classes === undefined) {
    const value = `${identifier(column)}::DOUBLE`;
    return `(CASE WHEN isfinite(${value}) THEN ${value} END)`;
  }
  const cases = classes.map((label, index) => `WHEN ${literal(label)} THEN ${index}`).join(' ');
  return `(CASE ${identifier(column)}::VARCHAR ${cases} END)::DOUBLE`;
}

function featureSql(feature: Feature, { inputs }: Transformer, { identifier, literal }: SqlQuotes): string {
  const id = identifier(feature.column);
  switch (feature.op) {
    case 'number':
      return number(feature.column, inputs, id);
    case 'scale':
      // FLOAT arithmetic throughout, as the graph does it: the same bits.
      return `((coalesce(${known(feature.column, inputs, id)}, ${float(feature.fill)}) - ${float(feature.mean)}) / ${float(feature.std)})`;
    case 'one-hot':
      return `(CASE WHEN ${id}::VARCHAR = ${literal(feature.value)} THEN 1 ELSE 0 END)::FLOAT`;
    case 'frequency': {
      // An enumeration finds a text by hashing; a map would compare it with every key.
      const keys = feature.shares.map(([value]) => literal(value)).join(', ');
      const shares = feature.shares.map(([, share]) => float(share)).join(', ');
      return `coalesce(([${shares}])[enum_code(TRY_CAST(${id}::VARCHAR AS ENUM(${keys})))::INTEGER + 1], 0::FLOAT)`;
    }
    case 'calendar':
      return `coalesce(${calendarSql(feature.part, id)}::FLOAT, ${calendarOfZero(feature.part)}::FLOAT)`;
    default:
      return unreachable(feature);
  }
}

/** NULL for NaN too. */
function known(column: string, inputs: Transformer['inputs'], id: string): string {
  const value = number(column, inputs, id);
  return isFloat(column, inputs) ? `nullif(${value}, 'NaN'::FLOAT)` : value;
}

/** As a conversion to float32 does it: what is too large becomes infinite. */
function number(column: string, inputs: Transformer['inputs'], id: string): string {
  if (!isFloat(column, inputs)) return `${id}::FLOAT`;
  return `coalesce(TRY_CAST(${id} AS FLOAT), CASE WHEN ${id} > 0 THEN 'inf' WHEN ${id} < 0 THEN '-inf' END::FLOAT)`;
}

function isFloat(column: string, inputs: Transformer['inputs']): boolean {
  return inputs.find(({ name }) => name === column)?.type === 'float';
}

function calendarSql(part: CalendarPart, id: string): string {
  switch (part) {
    case 'weekday':
      return `dayofweek(${id})`;
    case 'minute':
      return `(hour(${id}::TIMESTAMP) * 60 + minute(${id}::TIMESTAMP))`;
    default:
      return `${part}(${id})`;
  }
}

/** The parts of 1970-01-01, a Thursday. */
function calendarOfZero(part: CalendarPart): number {
  return { year: 1970, month: 1, day: 1, weekday: 4, minute: 0 }[part];
}

/** A float32 exactly: the shortest decimal that reads back as the same double of it. */
function float(value: number): string {
  return `'${Math.fround(value)}'::FLOAT`;
}

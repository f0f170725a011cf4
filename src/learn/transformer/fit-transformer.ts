import type { ColumnType } from '../../core/columns.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import { answerColumns } from '../answer-columns.ts';
import {
  CALENDAR_PARTS,
  type Feature,
  type InputColumn,
  type Target,
  type Transformer,
} from './transformer.ts';

/** What the training rows say about a column. Worked out so that it is the same on any machine. */
export interface ColumnStatistics {
  readonly name: string;
  readonly type: ColumnType;
  readonly rows: number;
  readonly missing: number;
  readonly distinct: number;
  readonly mean?: number;
  readonly std?: number;
  readonly median?: number;
  /** Texts with their counts, most frequent first, ties by code point; of text columns. */
  readonly values?: readonly (readonly [value: string, count: number])[];
}

export interface FitOptions {
  /** Text columns with at most so many values become one column a value; with more, one of frequencies. */
  readonly maxOneHot: number;
  /** Leave missing numbers missing and do not scale: for trainers that see to it themselves. */
  readonly raw: boolean;
}

/** A text column with more values than this share of its rows is taken for an identifier. */
const IDENTIFIER_SHARE = 0.5;

/**
 * Chooses an operation for every column by its type and its values.
 *
 * @throws RecipeError TRANSFORM_NAME_TAKEN if a column is called as the model's answer.
 */
export function fitTransformer(
  statistics: readonly ColumnStatistics[],
  target: Target,
  weight: string | undefined,
  { maxOneHot, raw }: FitOptions,
): Transformer {
  const inputs: InputColumn[] = [];
  const features: Feature[] = [];
  const dropped: { column: string; reason: string }[] = [];
  for (const column of statistics) {
    if (column.name === target.column || column.name === weight) continue;
    const reason = reasonToDrop(column);
    if (reason !== undefined) {
      dropped.push({ column: column.name, reason });
      continue;
    }
    inputs.push({ name: column.name, type: column.type, nullable: column.missing > 0 });
    features.push(...featuresOf(column, maxOneHot, raw));
  }
  const answers = new Set(answerColumns(target).map(({ name }) => name));
  const taken = inputs.find(({ name }) => answers.has(name));
  if (taken !== undefined) throw new RecipeError('TRANSFORM_NAME_TAKEN', { column: taken.name });
  return {
    v: 1,
    inputs,
    target,
    ...(weight === undefined ? {} : { weight }),
    features: withNamesApart(features),
    dropped,
  };
}

/** SQL takes names that differ in case only for one: `city=a` and `city=A` would be the same column. */
function withNamesApart(features: readonly Feature[]): Feature[] {
  const taken = new Set<string>();
  return features.map((feature) => {
    let name = feature.name;
    for (let n = 2; taken.has(name.toLowerCase()); n += 1) name = `${feature.name} (${n})`;
    taken.add(name.toLowerCase());
    return { ...feature, name };
  });
}

function reasonToDrop({ type, rows, missing, distinct }: ColumnStatistics): string | undefined {
  if (missing === rows) return 'it has no values';
  if (distinct <= 1 && missing === 0) return 'it has one value only';
  if (type === 'text' && rows > 20 && distinct > rows * IDENTIFIER_SHARE)
    return 'nearly every row has a value of its own';
  return undefined;
}

function featuresOf(column: ColumnStatistics, maxOneHot: number, raw: boolean): Feature[] {
  const { name, type } = column;
  switch (type) {
    case 'float':
    case 'integer':
      if (raw) return [{ name, op: 'number', column: name }];
      return [
        {
          name,
          op: 'scale',
          column: name,
          fill: column.median ?? 0,
          mean: column.mean ?? 0,
          std: column.std === undefined || column.std === 0 ? 1 : column.std,
        },
      ];
    case 'boolean':
      return [{ name, op: 'number', column: name }];
    case 'date':
      return CALENDAR_PARTS.map((part) => ({ name: `${name}.${part}`, op: 'calendar', column: name, part }));
    case 'text': {
      const values = column.values ?? [];
      if (values.length <= maxOneHot)
        return values.map(([value]) => ({ name: `${name}=${value}`, op: 'one-hot', column: name, value }));
      const present = column.rows - column.missing;
      return [
        {
          name: `${name}.frequency`,
          op: 'frequency',
          column: name,
          shares: values.map(([value, count]) => [value, Math.fround(count / present)]),
        },
      ];
    }
  }
}

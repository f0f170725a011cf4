import { stringify } from 'yaml';
import { RecipeError } from '../core/recipe-error.ts';
import type { ColumnProfile, TableProfile } from './profile-table.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';

/** What a file's own columns say about the recipe it needs. */
export interface Suggestion {
  readonly task: 'regression' | 'classification';
  /** `regression/v1`, or the one that was asked for. */
  readonly template: string;
  readonly because: string;
  readonly metric: string;
  readonly positiveClass: string | undefined;
  /** Column of times to split by. */
  readonly time: string | undefined;
  readonly drop: readonly { readonly column: string; readonly reason: string }[];
  readonly threshold: number;
  /** Classes of too few rows to learn from: their rows are left out. */
  readonly rare: readonly { readonly value: string; readonly count: number }[];
}

const MAX_CLASSES = 20;
/** A class of fewer rows cannot be in all three splits but by luck. */
const MIN_CLASS_ROWS = 5;

/**
 * Chooses task, metric, split and what to set aside.
 *
 * @param template what to use whatever the target looks like
 * @throws RecipeError DATA_COLUMN_UNKNOWN, TARGET_CONSTANT, TARGET_CLASSES, TARGET_NOT_NUMERIC, TRANSFORM_NO_FEATURES
 */
export function suggestRecipe(
  { rows, columns }: TableProfile,
  target: string,
  template?: string,
): Suggestion {
  const column = columns.find(({ name }) => name === target);
  if (column === undefined)
    throw new RecipeError('DATA_COLUMN_UNKNOWN', {
      column: target,
      what: '--target',
      known: columns.map(({ name }) => name),
    });
  if (column.distinct < 2)
    throw new RecipeError('TARGET_CONSTANT', { target, value: column.top?.[0]?.value ?? String(column.min) });
  const looksLikeClass =
    column.type === 'text' ||
    column.type === 'boolean' ||
    (column.type === 'integer' && column.distinct <= 2);
  const wanted = /^(regression|classification)\//.exec(template ?? '')?.[1];
  const isClass = wanted === undefined ? looksLikeClass : wanted === 'classification';
  if (!isClass && (column.type === 'text' || column.type === 'boolean'))
    throw new RecipeError('TARGET_NOT_NUMERIC', { target, type: column.type });
  const { labels, rare } = classesOf(column);
  if (isClass && column.distinct > MAX_CLASSES && column.type === 'text')
    throw new RecipeError('TARGET_CLASSES', {
      target,
      problem: `has ${column.distinct} different texts: that is no classification`,
    });
  const drop = columns.flatMap((one) => {
    const reason = one.name === target ? undefined : reasonToDrop(one, rows);
    return reason === undefined ? [] : [{ column: one.name, reason }];
  });
  if (drop.length === columns.length - 1) throw new RecipeError('TRANSFORM_NO_FEATURES', undefined);
  const times = columns.filter(
    (one) => one.type === 'date' && one.missing === 0 && one.distinct >= 10 && one.name !== target,
  );
  const isBinary = isClass && labels.length === 2;
  return {
    task: isClass ? 'classification' : 'regression',
    template: template ?? (isClass ? 'classification/v1' : 'regression/v1'),
    because: isClass
      ? `${target} has ${labels.length === 2 ? 2 : column.distinct - rare.length} different values`
      : `${target} is a number with ${column.distinct} different values`,
    metric: isClass ? (isBinary ? 'roc_auc' : 'f1_score') : 'root_mean_squared_error',
    positiveClass:
      isBinary && !labels.some((label) => ['true', '1', 'yes'].includes(label.toLowerCase()))
        ? labels.toSorted().at(-1)
        : undefined,
    time: times.length === 1 ? times[0]?.name : undefined,
    drop,
    threshold: 0,
    rare,
  };
}

function classesOf({ type, distinct, min, max, top }: ColumnProfile): {
  labels: string[];
  rare: Suggestion['rare'];
} {
  if (type === 'integer') return { labels: distinct === 2 ? [String(min), String(max)] : [], rare: [] };
  const classes = (top ?? []).filter(({ value }) => value !== '');
  const rare = type === 'text' ? classes.filter(({ count }) => count < MIN_CLASS_ROWS) : [];
  const labels = classes.filter((one) => !rare.includes(one)).map(({ value }) => value);
  return labels.length < 2 ? { labels: classes.map(({ value }) => value), rare: [] } : { labels, rare };
}

function reasonToDrop({ type, distinct, missing, name }: ColumnProfile, rows: number): string | undefined {
  if (missing === rows) return 'it has no values';
  if (distinct <= 1 && missing === 0) return 'it has one value only';
  const isIdentifier =
    (type === 'text' || (type === 'integer' && /(?:^|[_\W])id$|^id|^index$/i.test(name))) &&
    rows > 20 &&
    distinct > rows * 0.9;
  return isIdentifier ? 'it names the row: every row has a value of its own' : undefined;
}

/** The recipe as a person would write it, with the file's columns in comments. */
export function renderRecipe(
  suggestion: Suggestion,
  { rows, columns }: TableProfile,
  options: { location: string; target: string; modelName: string },
): string {
  const { template, because, metric, positiveClass, time, drop, threshold, rare } = suggestion;
  const value = (text: unknown): string =>
    stringify(text, { lineWidth: 0, defaultStringType: 'PLAIN', defaultKeyType: 'PLAIN' }).trimEnd();
  const flow = (text: unknown): string => JSON.stringify(text);
  const comment = (text: string): string => text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ');
  return [
    `# ${comment(options.location)}: ${rows} rows`,
    ...columns.map((column) => `#   ${comment(column.name)}: ${describe(column)}`),
    `template: ${template}                # ${comment(because)}`,
    `target_col: ${value(options.target)}`,
    ...(positiveClass === undefined ? [] : [`positive_class: ${flow(positiveClass)}`]),
    `primary_metric: ${metric}`,
    'steps:',
    '  ingest:',
    `    location: ${flow(options.location)}`,
    ...(rare.length === 0
      ? []
      : [
          '    derive:   # without the classes of too few rows to learn from',
          `      ${flow(options.target)}: ${flow(withoutClasses(options.target, rare))}   # ${comment(rare.map(({ value, count }) => `${value}: ${count}`).join(', '))}`,
        ]),
    ...(drop.length === 0
      ? []
      : ['    drop:', ...drop.map(({ column, reason }) => `      - ${flow(column)}   # ${reason}`)]),
    time === undefined
      ? '  split: { using: hash, split_ratios: [0.75, 0.125, 0.125] }'
      : `  split: { using: time, column: ${flow(time)}, split_ratios: [0.75, 0.125, 0.125] }   # the latest rows are the test`,
    '  train: { using: gbdt, max_iterations: 200, learning_rate: 0.1 }',
    '  evaluate:',
    '    validation_criteria:',
    `      - { metric: ${metric}, against: baseline, min_absolute_change: ${threshold} }`,
    `      - { metric: ${metric}, against: champion, min_absolute_change: 0 }`,
    `  register: { model_name: ${flow(options.modelName)}, alias: challenger }`,
    '',
  ].join('\n');
}

function withoutClasses(target: string, rare: Suggestion['rare']): string {
  const id = quoteIdentifier(target);
  return `CASE WHEN ${id} NOT IN (${rare.map(({ value }) => quoteLiteral(value)).join(', ')}) THEN ${id} END`;
}

function describe({ type, missing, distinct, min, max, top }: ColumnProfile): string {
  const gaps = missing === 0 ? '' : `, ${missing} missing`;
  const range =
    min === undefined
      ? top === undefined
        ? ''
        : `, as ${top
            .slice(0, 3)
            .map(({ value }) => value.replaceAll(/[\r\n]+/g, ' ').slice(0, 30))
            .join(', ')}`
      : `, ${min} to ${max}`;
  return `${type}, ${distinct} different${range}${gaps}`;
}

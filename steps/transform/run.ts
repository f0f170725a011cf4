import { writeFileSync } from 'node:fs';
import {
  type ColumnStatistics,
  fitTransformer,
  type Target,
  type Transformer,
  transformerSql,
} from 'stockpot/learn';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import { type ColumnType, profileTable, quoteIdentifier, quoteLiteral, ROW, Tables } from 'stockpot/tables';

const SPLITS = ['training', 'validation', 'test'] as const;

/** Fits a transformer on the training rows and applies it to all splits. */
export const step = defineStep({
  title: 'Turn raw columns into features: impute, scale, encode; fitted on training rows only',
  version: '3',
  config: Type.Object(
    {
      using: Type.Optional(
        oneOf(['auto', 'none'], {
          default: 'auto',
          description:
            'auto: impute and scale numbers, encode texts, take dates apart. none: leave numbers as they are, for trees.',
        }),
      ),
      task: oneOf(['regression', 'classification']),
      target_col: Type.String(),
      positive_class: Type.Optional(
        Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
          description: 'The class whose probability is scored.',
        }),
      ),
      weight_col: Type.Optional(Type.String({ description: 'Column of row weights for training.' })),
      drop: Type.Optional(Type.Array(Type.String(), { description: 'Columns that are no features.' })),
      max_categories: Type.Optional(
        Type.Integer({
          minimum: 0,
          default: 20,
          description: 'A text with at most so many values becomes a column a value.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  inputs: { training: { kind: 'table' }, validation: { kind: 'table' }, test: { kind: 'table' } },
  outputs: {
    training: { path: 'training.parquet', kind: 'table' },
    validation: { path: 'validation.parquet', kind: 'table' },
    test: { path: 'test.parquet', kind: 'table' },
    transformer: { path: 'transformer.json', kind: 'value', description: 'The fitted operations.' },
  },
  async run({ config, inputs, outputs, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const profile = await profileTable(tables, inputs.training);
    const known = profile.columns.map(({ name }) => name);
    for (const [what, name] of [
      ['target_col', config.target_col],
      ['weight_col', config.weight_col],
      ...(config.drop ?? []).map((one) => ['drop', one]),
    ])
      if (name !== undefined && !known.includes(name))
        throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: name, what: what ?? '', known });
    const target = await targetOf(
      tables,
      inputs.training,
      config,
      profile.columns.find(({ name }) => name === config.target_col)?.type ?? 'text',
    );
    if (config.weight_col !== undefined)
      for (const split of SPLITS) await checkWeights(tables, inputs[split], config.weight_col, split);
    const columns = profile.columns.filter(({ name }) => !config.drop?.includes(name));
    const statistics: ColumnStatistics[] = [];
    for (const column of columns) {
      const values =
        column.type === 'text' && column.distinct <= profile.rows * 0.6
          ? await valuesOf(tables, inputs.training, column.name)
          : undefined;
      statistics.push({
        ...column,
        rows: profile.rows,
        ...(column.quantiles?.[2] === undefined ? {} : { median: column.quantiles[2] }),
        ...(values === undefined ? {} : { values, distinct: values.length }),
      });
    }
    const transformer = fitTransformer(statistics, target, config.weight_col, {
      maxOneHot: config.max_categories ?? 20,
      raw: config.using === 'none',
    });
    if (transformer.features.length === 0) throw new RecipeError('TRANSFORM_NO_FEATURES', undefined);
    for (const { column, reason } of transformer.dropped)
      report({ type: 'warning', message: `the column ${column} is left out: ${reason}` });
    writeFileSync(outputs.transformer, JSON.stringify(transformer));
    await warnOfLeaks(tables, inputs.training, transformer, (message) =>
      report({ type: 'warning', message }),
    );
    let done = 0;
    for (const split of SPLITS) {
      done += await apply(tables, transformer, inputs[split], outputs[split], split, (message) =>
        report({ type: 'warning', message }),
      );
      report({ type: 'progress', done, unit: 'rows' });
    }
  },
});

interface Config {
  readonly task: 'regression' | 'classification';
  readonly target_col: string;
  readonly positive_class?: string | number | boolean;
}

async function targetOf(
  tables: Tables,
  path: string,
  { task, target_col: column, positive_class: positive }: Config,
  type: Target['type'],
): Promise<Target> {
  const values = await valuesOf(tables, path, column);
  const [only] = values;
  if (only === undefined) throw new RecipeError('TARGET_MISSING', { target: column, split: 'training' });
  if (values.length === 1) throw new RecipeError('TARGET_CONSTANT', { target: column, value: only[0] });
  if (task === 'regression') {
    if (type === 'text' || type === 'date')
      throw new RecipeError('TARGET_NOT_NUMERIC', { target: column, type });
    return { column, type, task };
  }
  const problem = (text: string): RecipeError =>
    new RecipeError('TARGET_CLASSES', { target: column, problem: text });
  if (values.length > 100) throw problem(`has ${values.length} different values: that is no classification`);
  const rare = values.find(([, count]) => count < 2);
  if (rare !== undefined) throw problem(`has the class ${rare[0]} in one row only`);
  const labels = values
    .map(([label]) => label)
    .toSorted((a, b) => (type === 'text' ? (a < b ? -1 : 1) : Number(a) - Number(b) || (a < b ? -1 : 1)));
  if (labels.length > 2) return { column, type, task: 'multiclass', classes: labels };
  const chosen =
    positive === undefined
      ? labels.find((label) => ['true', '1', '1.0', 'yes'].includes(label.toLowerCase()))
      : labels.find((label) => label === String(positive) || Number(label) === positive);
  if (chosen === undefined)
    throw problem(
      positive === undefined
        ? `has the classes ${labels.join(' and ')}: say which is the positive_class`
        : `has no class ${positive}, only ${labels.join(' and ')}`,
    );
  return { column, type, task: 'binary', classes: [...labels.filter((label) => label !== chosen), chosen] };
}

/** A weight that is no finite number from 0 on would spoil every sum it enters. */
async function checkWeights(tables: Tables, path: string, column: string, split: string): Promise<void> {
  const weight = `TRY_CAST(${quoteIdentifier(column)} AS DOUBLE)`;
  const [row] = await tables.query(
    `SELECT count(*) FILTER (NOT coalesce(isfinite(${weight}) AND ${weight} >= 0, false))::DOUBLE AS wrong FROM read_parquet(${quoteLiteral(path)})`,
  );
  const rows = Number(row?.['wrong']);
  if (rows > 0) throw new RecipeError('TRANSFORM_WEIGHT_INVALID', { column, rows, split });
}

async function valuesOf(
  tables: Tables,
  path: string,
  column: string,
): Promise<(readonly [string, number])[]> {
  const id = quoteIdentifier(column);
  const rows = await tables.query(
    `SELECT ${id}::VARCHAR AS value, count(*)::DOUBLE AS count FROM read_parquet(${quoteLiteral(path)})
     WHERE ${id} IS NOT NULL AND ${id}::VARCHAR <> '' GROUP BY value ORDER BY count DESC, value LIMIT 200000`,
  );
  return rows.map((row) => [String(row['value']), Number(row['count'])] as const);
}

async function apply(
  tables: Tables,
  transformer: Transformer,
  from: string,
  to: string,
  split: string,
  warn: (message: string) => void,
): Promise<number> {
  const columns = transformerSql(transformer, { identifier: quoteIdentifier, literal: quoteLiteral });
  const source = `SELECT ${quoteIdentifier(ROW)}, ${columns.join(', ')} FROM read_parquet(${quoteLiteral(from)})`;
  await tables.writeTable(`SELECT * FROM (${source}) WHERE ${quoteIdentifier('__target')} IS NOT NULL`, to);
  const [count] = await tables.query(
    `SELECT (SELECT count(*) FROM read_parquet(${quoteLiteral(from)}))::DOUBLE AS before, (SELECT count(*) FROM read_parquet(${quoteLiteral(to)}))::DOUBLE AS after`,
  );
  const [before, after] = [Number(count?.['before']), Number(count?.['after'])];
  if (after === 0) throw new RecipeError('TARGET_MISSING', { target: transformer.target.column, split });
  if (after < before)
    warn(
      `${before - after} rows of the ${split} split are left out: their target is missing or of an unknown class`,
    );
  return after;
}

/** A feature that says the target outright is most likely made from it. */
async function warnOfLeaks(
  tables: Tables,
  path: string,
  { inputs, target }: Transformer,
  warn: (message: string) => void,
): Promise<void> {
  if (inputs.length === 0) return;
  const list = inputs.map(
    ({ name, type }, index) =>
      `bool_and(${comparable(name, type, target.type)} IS NOT DISTINCT FROM ${comparable(target.column, target.type, type)}) AS same_${index}`,
  );
  const [row] = await tables.query(
    `SELECT ${list.join(', ')} FROM read_parquet(${quoteLiteral(path)}) WHERE ${quoteIdentifier(ROW)} % 7 = 0`,
  );
  for (const [index, { name }] of inputs.entries())
    if (row?.[`same_${index}`] === true)
      warn(`the column ${name} equals the target ${target.column}: drop it, or the model only copies it`);
}

/** 1, 1.0 and true are the same answer. */
function comparable(name: string, type: ColumnType, other: ColumnType): string {
  const isNumber = (one: ColumnType): boolean => one !== 'text' && one !== 'date';
  return `${quoteIdentifier(name)}::${isNumber(type) && isNumber(other) ? 'DOUBLE' : 'VARCHAR'}`;
}

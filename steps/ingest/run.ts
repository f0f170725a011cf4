import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import {
  describeSelect,
  findInTexts,
  openSource,
  profileTable,
  quoteIdentifier,
  RESERVED_PREFIX,
  ROW,
  readProblem,
  SOURCE_FORMATS,
  type Source,
  Tables,
  type TextFinding,
} from 'stockpot/tables';

const SQL_TYPES = {
  float: 'DOUBLE',
  integer: 'BIGINT',
  boolean: 'BOOLEAN',
  text: 'VARCHAR',
  date: 'TIMESTAMP',
} as const;

/** Reads files into one table with numbered rows, and says what is in it. */
export const step = defineStep({
  title: 'Read CSV, TSV, JSON, NDJSON or Parquet files into a table, with a profile of every column',
  version: '3',
  config: Type.Object(
    {
      location: Type.Unsafe({
        'x-input': 'source',
        description: 'A file, folder, glob or address, or a list of them.',
      }),
      using: Type.Optional(
        oneOf(SOURCE_FORMATS, { description: 'The format, if the name does not say it.' }),
      ),
      derive: Type.Optional(
        Type.Record(Type.String(), Type.String(), { description: 'New columns: name and SQL expression.' }),
      ),
      drop: Type.Optional(
        Type.Array(Type.String(), { description: 'Columns to leave out, after `derive`.' }),
      ),
      types: Type.Optional(
        Type.Record(Type.String(), oneOf(Object.keys(SQL_TYPES) as (keyof typeof SQL_TYPES)[]), {
          description: 'Types of columns that would be taken for others.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  inputs: { source: { kind: 'any', description: 'The file, or a folder of files.' } },
  outputs: {
    data: {
      path: 'data.parquet',
      kind: 'table',
      description: 'All rows, numbered in the order of the source.',
    },
    profile: {
      path: 'profile.json',
      kind: 'value',
      description: 'Rows, and of each column type, missing values, range and frequent values.',
    },
  },
  async run({ config, inputs, inputDigests, inputNames, outputs, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const sources: Source[] = [];
    for (const { path, name } of filesIn(inputs.source, inputNames.source)) {
      const source = await openSource(tables, path, { using: config.using, name, tmp });
      checkSchema(source, sources.at(-1));
      sources.push(source);
    }
    const all = sources
      .map(({ select }) => (sources.length === 1 ? select : `(${select})`))
      .join(' UNION ALL BY NAME ');
    const columns = (sources[0]?.columns ?? []).map(({ name }) => name);
    const reserved = columns.find((name) => name.startsWith(RESERVED_PREFIX));
    if (reserved !== undefined) throw new RecipeError('DATA_COLUMN_RESERVED', { column: reserved });
    const file = sources.length === 1 ? (sources[0]?.name ?? '') : `one of ${sources.length} files`;
    await tables.lock([...sources.map(({ path }) => path), outputs.data, `${outputs.data}.tmp`]);
    const select = await withDerived(tables, all, columns, config);
    report({ type: 'progress', done: 0, unit: 'rows', note: 'reading' });
    try {
      await tables.writeTable(
        `SELECT row_number() OVER () - 1 AS ${quoteIdentifier(ROW)}, * FROM (${select})`,
        outputs.data,
      );
    } catch (cause) {
      throw new RecipeError('DATA_UNREADABLE', { file, problem: readProblem(cause) }, { cause });
    }
    const profile = await profileTable(tables, outputs.data);
    if (profile.rows === 0) throw new RecipeError('DATA_FILE_EMPTY', { file });
    for (const finding of await findInTexts(tables, outputs.data, profile.rows)) {
      if (finding.nulRow !== undefined)
        throw new RecipeError('DATA_UNREADABLE', {
          file,
          problem: `the column ${finding.column} has a NUL character in row ${finding.nulRow + 1}`,
        });
      report({ type: 'warning', message: warningOf(finding) });
    }
    report({ type: 'progress', done: profile.rows, total: profile.rows, unit: 'rows' });
    writeFileSync(outputs.profile, JSON.stringify(profile));
    report({
      type: 'dataset',
      name: basename(inputs.source).replace(/\.\w+$/, ''),
      digest: (inputDigests.source ?? '').slice(0, 36),
      source: sources
        .map(({ path }) => shown(path))
        .join(', ')
        .slice(0, 1000),
      schema: profile.columns.map(({ name, type }) => ({ name, type })),
      profile: { num_rows: profile.rows },
    });
  },
});

type Config = {
  derive?: Record<string, string>;
  drop?: string[];
  types?: Record<string, keyof typeof SQL_TYPES>;
};

/** Files of a folder, in the order of their names' bytes, each with what messages call it. */
function filesIn(path: string, name: string | undefined): { path: string; name: string }[] {
  if (!statSync(path).isDirectory()) return [{ path, name: name ?? shown(path) }];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((one) => !basename(one).startsWith('.') && statSync(join(path, one)).isFile())
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (names.length === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: name ?? shown(path) });
  return names.map((one) => ({
    path: join(path, one),
    name: name === undefined ? one.replace(/^\d{3}-/, '') : `${name}/${one}`,
  }));
}

function checkSchema({ name: file, columns }: Source, before: Source | undefined): void {
  const now = new Map(columns.map(({ name, type }) => [name, type]));
  const differs = (column: string, problem: string): RecipeError =>
    new RecipeError('DATA_SCHEMA_DIFFERS', { file, column, problem });
  for (const { name, type } of before?.columns ?? []) {
    const found = now.get(name);
    if (found === undefined) throw differs(name, 'is missing');
    if (found !== type) throw differs(name, `is ${found}, not ${type}`);
    now.delete(name);
  }
  if (before !== undefined) for (const name of now.keys()) throw differs(name, 'is new');
}

function warningOf({ column, nearly, odd }: TextFinding): string {
  const what = nearly === 'float' ? 'a number' : 'a time';
  const found =
    odd === undefined
      ? `every value is ${what}`
      : `all values but ${odd.count} are ${what} (${odd.example.slice(0, 40)})`;
  return `the column ${column} is text, though ${found}: say types: { ${column}: ${nearly} } or correct them`;
}

async function withDerived(
  tables: Tables,
  source: string,
  columns: readonly string[],
  config: Config,
): Promise<string> {
  const unknown = (column: string, what: string, known: readonly string[]): RecipeError =>
    new RecipeError('DATA_COLUMN_UNKNOWN', { column, what, known });
  const casts = Object.entries(config.types ?? {}).map(([name, type]) => {
    if (!columns.includes(name)) throw unknown(name, 'types', columns);
    return `CAST(${quoteIdentifier(name)} AS ${SQL_TYPES[type]}) AS ${quoteIdentifier(name)}`;
  });
  const typed = casts.length === 0 ? source : `SELECT * REPLACE (${casts.join(', ')}) FROM (${source})`;
  const derived = Object.entries(config.derive ?? {});
  for (const [name, expression] of derived) {
    if (name.startsWith(RESERVED_PREFIX)) throw new RecipeError('DATA_COLUMN_RESERVED', { column: name });
    try {
      await describeSelect(tables, `SELECT (${expression}) FROM (${typed})`);
    } catch (cause) {
      throw new RecipeError(
        'DATA_EXPRESSION_INVALID',
        { name, expression, problem: readProblem(cause) },
        { cause },
      );
    }
  }
  const replaced = derived
    .filter(([name]) => columns.includes(name))
    .map(([name, expression]) => `(${expression}) AS ${quoteIdentifier(name)}`);
  const added = derived
    .filter(([name]) => !columns.includes(name))
    .map(([name, expression]) => `(${expression}) AS ${quoteIdentifier(name)}`);
  const all = [...columns, ...derived.map(([name]) => name)];
  const missing = config.drop?.find((name) => !all.includes(name));
  if (missing !== undefined) throw unknown(missing, 'drop', all);
  const star = replaced.length === 0 ? '*' : `* REPLACE (${replaced.join(', ')})`;
  const wide = `SELECT ${[star, ...added].join(', ')} FROM (${typed})`;
  const drop = config.drop ?? [];
  return drop.length === 0
    ? wide
    : `SELECT * EXCLUDE (${drop.map(quoteIdentifier).join(', ')}) FROM (${wide})`;
}

function shown(path: string): string {
  return basename(path).replace(/^\d{3}-/, '');
}

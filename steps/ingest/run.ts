import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import {
  describeSelect,
  profileTable,
  quoteIdentifier,
  RESERVED_PREFIX,
  ROW,
  SOURCE_FORMATS,
  sourceSelect,
  Tables,
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
  version: '2',
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
  async run({ config, inputs, inputDigests, outputs, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const files = filesIn(inputs.source);
    const [first = ''] = files;
    const readers = files.map((file) => sourceSelect(file, config.using));
    await checkSchemas(tables, files, readers);
    const source =
      readers.length === 1 ? (readers[0] ?? '') : readers.map((one) => `(${one})`).join(' UNION ALL ');
    const columns = (await describe(tables, first, source)).map(({ name }) => name);
    const reserved = columns.find((name) => name.startsWith(RESERVED_PREFIX));
    if (reserved !== undefined) throw new RecipeError('DATA_COLUMN_RESERVED', { column: reserved });
    await tables.lock([...files, outputs.data, `${outputs.data}.tmp`]);
    const select = await withDerived(tables, source, columns, config);
    report({ type: 'progress', done: 0, unit: 'rows', note: 'reading' });
    await attempt(first, () =>
      tables.writeTable(
        `SELECT row_number() OVER () - 1 AS ${quoteIdentifier(ROW)}, * FROM (${select})`,
        outputs.data,
      ),
    );
    const profile = await profileTable(tables, outputs.data);
    if (profile.rows === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: shown(first) });
    report({ type: 'progress', done: profile.rows, total: profile.rows, unit: 'rows' });
    writeFileSync(outputs.profile, JSON.stringify(profile));
    report({
      type: 'dataset',
      name: shown(first).replace(/\.\w+$/, ''),
      digest: (inputDigests.source ?? '').slice(0, 36),
      source: files.map(shown).join(', ').slice(0, 1000),
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

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => !basename(name).startsWith('.') && statSync(join(path, name)).isFile())
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (names.length === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: shown(path) });
  return names.map((name) => join(path, name));
}

async function checkSchemas(
  tables: Tables,
  files: readonly string[],
  readers: readonly string[],
): Promise<void> {
  let before: Map<string, string> | undefined;
  for (const [index, select] of readers.entries()) {
    const file = files[index] ?? '';
    const columns = new Map((await describe(tables, file, select)).map(({ name, type }) => [name, type]));
    const differs = (column: string, problem: string): RecipeError =>
      new RecipeError('DATA_SCHEMA_DIFFERS', { file: shown(file), column, problem });
    for (const [name, type] of before ?? []) {
      const now = columns.get(name);
      if (now === undefined) throw differs(name, 'is missing');
      if (now !== type) throw differs(name, `is ${now}, not ${type}`);
    }
    for (const name of columns.keys())
      if (before !== undefined && !before.has(name)) throw differs(name, 'is new');
    before = columns;
  }
}

async function describe(tables: Tables, file: string, select: string): ReturnType<typeof describeSelect> {
  return attempt(file, () => describeSelect(tables, select));
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
        { name, expression, problem: firstLine(cause) },
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

async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new RecipeError('DATA_UNREADABLE', { file: shown(file), problem: firstLine(cause) }, { cause });
  }
}

/** DuckDB's messages go on with advice about its own functions. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.replaceAll(/\/\S*\/(in\/)/g, '$1').split('\n');
  const line = /CSV Error on Line: (\d+)/.exec(text)?.[1];
  const detail =
    lines.find((one) => /^(?:Expected Number|Error when|Value with|Invalid|Could not)/.test(one)) ??
    lines[0] ??
    '';
  return line === undefined ? detail : `line ${line}: ${detail}`;
}

function shown(path: string): string {
  return basename(path).replace(/^\d{3}-/, '');
}

import type { Column, Columns } from '../core/columns.ts';
import { ROW } from '../core/columns.ts';
import { describeSelect, type TableColumn } from './describe-table.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';
import type { Tables } from './tables.ts';

export interface ReadOptions {
  /** All but the row number, if not said. */
  readonly columns?: readonly string[] | undefined;
  /** Row numbers from here … */
  readonly from?: number | undefined;
  /** … to before here. */
  readonly to?: number | undefined;
}

/** Columns of a Parquet table in memory, in the order of its row numbers. */
export async function readColumns(tables: Tables, path: string, options: ReadOptions = {}): Promise<Columns> {
  const source = `SELECT * FROM read_parquet(${quoteLiteral(path)})`;
  const all = await describeSelect(tables, source);
  const wanted = options.columns ?? all.map(({ name }) => name).filter((name) => name !== ROW);
  const columns = wanted.flatMap((name) => all.filter((column) => column.name === name));
  const range = `WHERE ${quoteIdentifier(ROW)} >= ${options.from ?? 0} ${options.to === undefined ? '' : `AND ${quoteIdentifier(ROW)} < ${options.to}`}`;
  const from = `read_parquet(${quoteLiteral(path)}) ${range}`;
  const [count] = await tables.query(`SELECT count(*)::INTEGER AS rows FROM ${from}`);
  const rows = Number(count?.['rows'] ?? 0);
  const dictionaries = new Map<string, readonly string[]>();
  for (const { name, type } of columns)
    if (type === 'text') dictionaries.set(name, await readDictionary(tables, from, name, dictionaries.size));
  const expressions = columns.map((column) => {
    return doubleOf(
      column,
      `dictionary_${[...dictionaries.keys()].indexOf(column.name)}`,
      dictionaries.get(column.name),
    );
  });
  if (columns.length === 0) return { rows, columns: [] };
  const values = await tables.doubles(
    `SELECT ${expressions.join(', ')} FROM ${from} ORDER BY ${quoteIdentifier(ROW)}`,
    rows,
    columns.length,
  );
  return {
    rows,
    columns: columns.map(
      ({ name, type }, index): Column =>
        column(name, type, values[index] ?? new Float64Array(rows), dictionaries.get(name)),
    ),
  };
}

/** Float32 columns of a table of features. */
export async function readFloats(
  tables: Tables,
  path: string,
  names: readonly string[],
): Promise<{ rows: number; columns: Float32Array[] }> {
  const from = `read_parquet(${quoteLiteral(path)})`;
  const [count] = await tables.query(`SELECT count(*)::INTEGER AS rows FROM ${from}`);
  const rows = Number(count?.['rows'] ?? 0);
  const list = names.map((name) => `coalesce(${quoteIdentifier(name)}::FLOAT, 'NaN'::FLOAT)`).join(', ');
  const columns = await tables.floats(
    `SELECT ${list} FROM ${from} ORDER BY ${quoteIdentifier(ROW)}`,
    rows,
    names.length,
  );
  return { rows, columns };
}

/** Different texts of a column in the order of their code points. */
async function readDictionary(tables: Tables, from: string, name: string, index: number): Promise<string[]> {
  const text = `${quoteIdentifier(name)}::VARCHAR`;
  const rows = await tables.query(
    `SELECT DISTINCT ${text} AS value FROM ${from} AND ${text} <> '' ORDER BY value`,
  );
  const values = rows.map((row) => String(row['value']));
  if (values.length > 0)
    await tables.run(
      `CREATE OR REPLACE TYPE dictionary_${index} AS ENUM (${values.map(quoteLiteral).join(', ')})`,
    );
  return values;
}

function doubleOf(
  { name, type }: TableColumn,
  enumType: string,
  dictionary: readonly string[] | undefined,
): string {
  const identifier = quoteIdentifier(name);
  const value =
    type === 'text'
      ? dictionary?.length === 0
        ? 'NULL'
        : `enum_code(nullif(${identifier}::VARCHAR, '')::${enumType})`
      : type === 'date'
        ? `epoch_ms(${identifier}::TIMESTAMP)`
        : identifier;
  return `coalesce((${value})::DOUBLE, 'NaN'::DOUBLE)`;
}

function column(
  name: string,
  type: Column['type'],
  values: Float64Array,
  dictionary: readonly string[] = [],
): Column {
  if (type !== 'text') return { name, type, values };
  const codes = new Int32Array(values.length);
  for (let row = 0; row < codes.length; row += 1) {
    const code = values[row] as number;
    codes[row] = Number.isNaN(code) ? -1 : code;
  }
  return { name, type, codes, dictionary };
}

import { ROW } from '../core/columns.ts';
import { describeSelect, type TableColumn } from './describe-table.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';
import { Tables } from './tables.ts';

export interface TablePreview {
  readonly rows: number;
  readonly columns: readonly TableColumn[];
  /** The first rows, a JSON value a column: numbers, texts, booleans, null. */
  readonly first: readonly (readonly unknown[])[];
}

const MAX_COLUMNS = 50;

/** The first rows of a Parquet file in its own order, of at most 50 columns; row numbers are left out. */
export async function previewTable(path: string, count: number, tmp: string): Promise<TablePreview> {
  await using tables = await Tables.open({ threads: 1, tmp });
  const from = `read_parquet(${quoteLiteral(path)})`;
  const columns = (await describeSelect(tables, `SELECT * FROM ${from}`)).filter(({ name }) => name !== ROW);
  const [size] = await tables.query(`SELECT count(*)::DOUBLE AS rows FROM ${from}`);
  const shown = columns.slice(0, MAX_COLUMNS);
  const first =
    shown.length === 0
      ? []
      : await tables.query(
          `SELECT ${shown.map(({ name }) => quoteIdentifier(name)).join(', ')} FROM ${from} LIMIT ${Math.floor(count)}`,
        );
  return {
    rows: Number(size?.['rows'] ?? 0),
    columns,
    first: first.map((row) => shown.map(({ name }) => row[name])),
  };
}

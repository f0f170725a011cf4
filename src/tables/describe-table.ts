import type { ColumnType } from '../core/columns.ts';
import type { Tables } from './tables.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** DuckDB's name of the type. */
  readonly sqlType: string;
}

/** Names and types of the columns that a SELECT gives, in order. */
export async function describeSelect(tables: Tables, select: string): Promise<TableColumn[]> {
  const rows = await tables.query(`DESCRIBE ${select}`);
  return rows.map((row) => {
    const sqlType = String(row['column_type']);
    return { name: String(row['column_name']), type: columnType(sqlType), sqlType };
  });
}

/** What the rest of Stockpot calls a type of DuckDB's; what it has no word for, lists and the like, is text. */
export function columnType(sqlType: string): ColumnType {
  if (/^(?:U?TINYINT|U?SMALLINT|U?INTEGER|U?BIGINT|U?HUGEINT)$/.test(sqlType)) return 'integer';
  if (/^(?:FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/.test(sqlType)) return 'float';
  if (sqlType === 'BOOLEAN') return 'boolean';
  return /^(?:DATE|TIMESTAMP(?:_\w+| WITH TIME ZONE)?)$/.test(sqlType) ? 'date' : 'text';
}

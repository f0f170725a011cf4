/**
 * A column's type as every part sees it: what DuckDB, ONNX and MLflow call it follows from this.
 * `date` stands for dates and time stamps alike: milliseconds since the Unix epoch.
 */
export type ColumnType = 'float' | 'integer' | 'boolean' | 'text' | 'date';

/** Some rows of a table, by column. */
export interface Columns {
  readonly rows: number;
  readonly columns: readonly Column[];
}

export type Column = NumberColumn | TextColumn;

/** Floats, integers (exact to 2^53), booleans as 0 and 1, dates as epoch ms. `NaN` is missing. */
export interface NumberColumn {
  readonly name: string;
  readonly type: Exclude<ColumnType, 'text'>;
  readonly values: Float64Array;
}

/** Text by dictionary: row i holds `dictionary[codes[i]]`; code -1 is missing, and so is `''`. */
export interface TextColumn {
  readonly name: string;
  readonly type: 'text';
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

/** Numbers the rows of every table from `ingest` on: what every order in a component falls back on. */
export const ROW = '__row';

/** Names that start so are Stockpot's own: a source column may not have one. */
export const RESERVED_PREFIX = '__';

import type { Row } from '../../src/db/sql.ts';

export type Rows = ReadonlyMap<string, Row>;

export function keyedRows(rows: readonly Row[], key: string): Rows {
  return new Map(rows.map((row) => [String(row[key]), row]));
}

import type { Dialect, Row, SqlValue } from './sql.ts';

/** A database that another program made, as it was when it was opened; nothing is written to it. */
export interface Reader extends AsyncDisposable {
  readonly dialect: Dialect;
  all(text: string, ...values: readonly SqlValue[]): Promise<Row[]>;
  /** The rows of a query, some thousand at a time: in memory is one page. */
  pages(text: string, ...values: readonly SqlValue[]): AsyncIterable<Row[]>;
  /** Columns of a table; empty if there is none of that name. */
  columns(table: string): Promise<ReadonlySet<string>>;
}

/** Rows of a page. */
export const PAGE_ROWS = 20_000;

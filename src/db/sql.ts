/** What a database takes and gives; a whole number beyond 2^53 is refused before it comes here. */
export type SqlValue = string | number | null;

export type Row = Readonly<Record<string, unknown>>;

export type Dialect = 'sqlite' | 'postgres';

/** Statements within one transaction. Values stand as `?` in the text, never in it. */
export interface Sql {
  readonly dialect: Dialect;
  all(text: string, ...values: readonly SqlValue[]): Promise<Row[]>;
  get(text: string, ...values: readonly SqlValue[]): Promise<Row | undefined>;
  /** Gives the number of rows that it changed. */
  run(text: string, ...values: readonly SqlValue[]): Promise<number>;
  /**
   * One INSERT for many rows; `text` has one group of placeholders after VALUES. With ON CONFLICT DO
   * UPDATE no two rows may be the same one.
   */
  runMany(text: string, rows: readonly (readonly SqlValue[])[]): Promise<void>;
}

/** SQLite within one process, PostgreSQL for many. */
export interface Database extends AsyncDisposable {
  readonly dialect: Dialect;
  /**
   * Runs `work` in a transaction: all of it, or nothing if it throws. Resolves when what it wrote is on the
   * disk. `work` may run again when the database asks for that, and waits for nothing but `sql`. Work that is
   * done `at-once` asks for all its statements before it waits for one, so that they and the end of the
   * transaction are one message: whatever it learns from them, what they wrote stays, unless one fails.
   */
  write<T>(work: (sql: Sql) => Promise<T>, how?: 'at-once'): Promise<T>;
  /** Runs `work` on what was committed when it began. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
}

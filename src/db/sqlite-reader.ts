import { DatabaseSync } from 'node:sqlite';
import { PAGE_ROWS, type Reader } from './reader.ts';
import type { Row, SqlValue } from './sql.ts';

/** Reads an SQLite file. Whole numbers beyond 2^53 stay `bigint`. */
export class SqliteReader implements Reader {
  readonly dialect = 'sqlite';
  readonly #db: DatabaseSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Throws what SQLite says of a file that is no database, or that it cannot open. */
  static open(path: string): SqliteReader {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    try {
      // One read transaction: others may write meanwhile, here nothing changes.
      db.exec('BEGIN');
      db.prepare('SELECT count(*) FROM sqlite_schema').get();
      return new SqliteReader(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  async all(text: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    const rows: Row[] = [];
    for (const row of this.#iterate(text, values)) rows.push(row);
    return rows;
  }

  async *pages(text: string, ...values: readonly SqlValue[]): AsyncGenerator<Row[]> {
    let page: Row[] = [];
    for (const row of this.#iterate(text, values)) {
      page.push(row);
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async columns(table: string): Promise<ReadonlySet<string>> {
    const rows = await this.all('SELECT name FROM pragma_table_info(?)', table);
    return new Set(rows.map(({ name }) => String(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }

  *#iterate(text: string, values: readonly SqlValue[]): Generator<Row> {
    const statement = this.#db.prepare(text);
    // Without it, a number beyond 2^53 ends the whole reading.
    statement.setReadBigInts(true);
    for (const row of statement.iterate(...values)) {
      const read: Record<string, unknown> = row;
      for (const key in read) {
        const value = read[key];
        if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) read[key] = Number(value);
      }
      yield read;
    }
  }
}

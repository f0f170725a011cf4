import { Client, type CustomTypesConfig, types } from 'pg';
import { numbered } from './postgres-sql.ts';
import { PAGE_ROWS, type Reader } from './reader.ts';
import type { Row, SqlValue } from './sql.ts';

/** For a connection, milliseconds. */
const MAX_WAIT = 30_000;

/** Reads a PostgreSQL database. Whole numbers beyond 2^53 are `bigint`. */
export class PostgresReader implements Reader {
  readonly dialect = 'postgres';
  readonly #client: Client;
  #cursors = 0;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Throws what PostgreSQL or the network says. */
  static async open(url: string): Promise<PostgresReader> {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: MAX_WAIT,
      types: { getTypeParser },
    });
    // What a cut connection means is said by the query that misses it.
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      return new PostgresReader(client);
    } catch (error) {
      await client.end();
      throw error;
    }
  }

  async all(text: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#client.query<Row>(numbered(text), [...values])).rows;
  }

  async *pages(text: string, ...values: readonly SqlValue[]): AsyncGenerator<Row[]> {
    this.#cursors += 1;
    const cursor = `page_${this.#cursors}`;
    await this.#client.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${numbered(text)}`, [...values]);
    try {
      for (;;) {
        const { rows } = await this.#client.query<Row>(`FETCH ${PAGE_ROWS} FROM ${cursor}`);
        if (rows.length > 0) yield rows;
        if (rows.length < PAGE_ROWS) return;
      }
    } finally {
      await this.#client.query(`CLOSE ${cursor}`);
    }
  }

  async columns(table: string): Promise<ReadonlySet<string>> {
    const rows = await this.all(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped`,
      table,
    );
    return new Set(rows.map(({ name }) => String(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}

const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === types.builtins.INT8 ? wholeNumber : types.getTypeParser(oid, format);

function wholeNumber(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

import type { QueryResult } from 'pg';
import { arrayOf } from './postgres-array.ts';
import { type ColumnTypes, insertOfArrays } from './postgres-insert.ts';
import type { Row, Sql, SqlValue } from './sql.ts';

/** Sends a statement with PostgreSQL's own placeholders. */
export type Query = (text: string, values?: readonly SqlValue[], name?: string) => Promise<QueryResult<Row>>;

/** Statements within a transaction of one connection. */
export class PostgresSql implements Sql {
  readonly dialect = 'postgres';
  readonly #query: Query;
  readonly #types: ColumnTypes;

  constructor(query: Query, types: ColumnTypes) {
    this.#query = query;
    this.#types = types;
  }

  async all(text: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#query(numbered(text), values)).rows;
  }

  async get(text: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.all(text, ...values))[0];
  }

  async run(text: string, ...values: readonly SqlValue[]): Promise<number> {
    return (await this.#query(numbered(text), values)).rowCount ?? 0;
  }

  async runMany(text: string, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    if (rows.length === 1) {
      await this.run(text, ...first);
      return;
    }
    await this.#query(
      insertOfArrays(text, this.#types),
      first.map((_, column) => arrayOf(rows.map((row) => row[column] ?? null))),
    );
  }
}

/** The text with PostgreSQL’s placeholders: `$1` for the first `?`. */
export function numbered(text: string): string {
  let count = 0;
  return text.replaceAll('?', () => {
    count += 1;
    return `$${count}`;
  });
}

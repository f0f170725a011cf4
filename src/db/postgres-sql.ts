import type { QueryResult } from 'pg';
import type { Row, Sql, SqlValue } from './sql.ts';
import { withGroups } from './with-groups.ts';

/** PostgreSQL counts the values of a statement in 16 bits. */
const MAX_VALUES = 65_535;

/** Sends a statement with PostgreSQL's own placeholders. */
export type Query = (text: string, values?: readonly SqlValue[]) => Promise<QueryResult<Row>>;

/** Statements within a transaction of one connection. */
export class PostgresSql implements Sql {
  readonly dialect = 'postgres';
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
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
    const atOnce = Math.floor(MAX_VALUES / Math.max(1, rows[0]?.length ?? 0));
    for (let from = 0; from < rows.length; from += atOnce) {
      const part = rows.slice(from, from + atOnce);
      await this.run(withGroups(text, part.length), ...part.flat());
    }
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

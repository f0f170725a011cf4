import { type Connection, Query, type QueryResult } from 'pg';
import { NUMBERS } from './postgres-connections.ts';
import type { Row, SqlValue } from './sql.ts';

export interface Statement {
  /** With PostgreSQL's own placeholders. */
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** By which the connection keeps it prepared; undefined for one that is prepared each time. */
  readonly name: string | undefined;
}

/** The names that each connection has prepared for messages. */
const prepared = new WeakMap<Connection, Set<string>>();

/**
 * Statements that are sent as one message with one end, which makes a transaction of them: one that fails undoes
 * all, and none after it is run. PostgreSQL wakes once and answers once, instead of once for each.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export class PostgresMessage extends Query<Row> {
  readonly #statements: readonly Statement[];
  /** In the order of the statements; rejects with what the first that failed said. */
  readonly results: Promise<readonly QueryResult<Row>[]>;

  constructor(statements: readonly Statement[]) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly QueryResult<Row>[]>();
    super({ text: '', types: NUMBERS }, (error: unknown, results: unknown) => {
      // Of one statement it is its result.
      if (error instanceof Error) reject(error);
      else resolve([results].flat() as QueryResult<Row>[]);
    });
    this.#statements = statements;
    this.results = promise;
  }

  override submit = (connection: Connection): void => {
    const known = prepared.get(connection) ?? new Set();
    prepared.set(connection, known);
    connection.stream.cork();
    const parsed: string[] = [];
    for (const { text, values, name: given } of this.#statements) {
      // A name of its own, beside the one under which the connection may know the statement already.
      const name = given === undefined ? '' : `${given}_m`;
      if (!known.has(name)) {
        if (name !== '') {
          parsed.push(name);
          connection.close({ type: 'S', name }, true);
        }
        connection.parse({ name, text, types: [] }, true);
      }
      connection.bind({ statement: name, values: values.map(textOf) }, true);
      connection.describe({ type: 'P' }, true);
      connection.execute({}, true);
    }
    connection.sync();
    connection.stream.uncork();
    void this.#keep(known, parsed);
  };

  /** Nobody knows what a message that failed had prepared. */
  async #keep(known: Set<string>, parsed: readonly string[]): Promise<void> {
    if (await this.results.catch(() => undefined)) for (const name of parsed) known.add(name);
  }
}

function textOf(value: SqlValue): string | null {
  return value === null ? null : String(value);
}

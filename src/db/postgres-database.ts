import { nextTick } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import type { QueryResult } from 'pg';
import { isUnavailable, RecipeError } from '../core/recipe-error.ts';
import { codeOf, PostgresConnections, placeOf, unreachable } from './postgres-connections.ts';
import { COLUMN_TYPES } from './postgres-insert.ts';
import { PostgresMessage, type Statement } from './postgres-message.ts';
import { PostgresSql, type Query } from './postgres-sql.ts';
import { PostgresStatements } from './postgres-statements.ts';
import type { Database, Row, Sql } from './sql.ts';
import type { Migration } from './sqlite.ts';
import { tablesInWords } from './tables-in-words.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/name` */
  readonly url: string;
  /** The PostgreSQL schema that holds the tables; made if it is not there. Lower-case letters, digits and _. */
  readonly schema: string;
  readonly migrations: readonly Migration[];
  /** What must be found out before anything is written; its error is that of opening. */
  readonly mayWrite?: Promise<void> | undefined;
}

/**
 * Another transaction came first, or this one waits for one that waits for it, or both made the same row:
 * the same again passes, or says what is in its way.
 */
const AGAIN = new Set(['40001', '40P01', '23505']);
const MAX_TRIES = 6;
/** Any number, the same in every process: who migrates holds it. */
const MIGRATION_LOCK = 7_367_301;
/**
 * What is prepared while a table is small is run when it no longer is. And it is planned once: of lists it would
 * be thought each time anew how long they are, which takes longer than the statement.
 */
const FOR_LATER = 'SET LOCAL enable_seqscan TO off; SET LOCAL plan_cache_mode TO force_generic_plan';
/** The same of a message, with the path. */
const SETTINGS = `SELECT set_config('search_path', $1, true), set_config('enable_seqscan', 'off', true),
  set_config('plan_cache_mode', 'force_generic_plan', true)`;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * A database on a PostgreSQL server. A write sees what others commit while it runs: what must not change
 * under it, it locks. A conflict is tried again.
 */
export class PostgresDatabase implements Database {
  readonly dialect = 'postgres';
  readonly #connections: PostgresConnections;
  readonly #options: PostgresOptions;
  readonly #types = new Map<string, string>();
  readonly #statements = new PostgresStatements();

  private constructor(options: PostgresOptions) {
    this.#connections = new PostgresConnections(options.url);
    this.#options = options;
  }

  /** @throws RecipeError DATABASE_UNREACHABLE, DATABASE_NOT_OURS, STORE_TOO_NEW */
  static async open(options: PostgresOptions): Promise<PostgresDatabase> {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema))
      throw new Error(`Internal error: ${options.schema} is no name for a schema`);
    const database = new PostgresDatabase(options);
    try {
      const { rows } = await database.#transaction('ISOLATION LEVEL READ COMMITTED', async (query) => {
        await options.mayWrite;
        await migrate(query, options);
        return query(COLUMN_TYPES, [options.schema]);
      });
      for (const { name, type } of rows) database.#types.set(String(name), String(type));
      return database;
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw codeOf(error) === INSUFFICIENT_PRIVILEGE ? unreachable(options.url, error) : error;
    }
  }

  async write<T>(work: (sql: Sql) => Promise<T>, how?: 'at-once'): Promise<T> {
    for (let tried = 1; ; tried += 1)
      try {
        return await (how === 'at-once' ? this.#message(work) : this.#writing(work));
      } catch (error) {
        if (this.#statements.giveUpAfter(codeOf(error))) continue;
        if (tried >= MAX_TRIES || !AGAIN.has(codeOf(error))) throw error;
        // Two that collided do not meet again at the same moment.
        await wait(Math.random() * 10 * 2 ** tried);
      }
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transaction('ISOLATION LEVEL REPEATABLE READ READ ONLY', (query) =>
      work(new PostgresSql(query, this.#types)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }

  async #writing<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transaction(
      'ISOLATION LEVEL READ COMMITTED',
      (query) => work(new PostgresSql(query, this.#types)),
      this.#statements,
    );
  }

  /**
   * A transaction of statements that are all asked for before the first is answered. When one fails, none is
   * answered: what stands in the way is then told by a transaction that asks one by one.
   */
  async #message<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const statements: Statement[] = [];
    const sent = Promise.withResolvers<readonly QueryResult<Row>[]>();
    let isSent = false;
    const ask: Query = async (text, values = []) => {
      if (isSent) throw new Error('Internal error: work that is done at once sent a statement later');
      const index = statements.push({ text, values, name: this.#statements.nameOf(text) });
      const result = (await sent.promise)[index];
      if (result === undefined) throw new Error('Internal error: a statement has no answer');
      return result;
    };
    const working = work(new PostgresSql(ask, this.#types));
    isSent = true;
    sent.resolve(statements.length === 0 ? [] : this.#send(statements));
    const [ended] = await Promise.allSettled([sent.promise, working]);
    if (ended.status === 'fulfilled') return working;
    if (isUnavailable(ended.reason) || this.#statements.isLost(codeOf(ended.reason))) throw ended.reason;
    return this.#writing(work);
  }

  /** The first answer is that of the settings. */
  async #send(statements: readonly Statement[]): Promise<readonly QueryResult<Row>[]> {
    const settings = {
      text: SETTINGS,
      values: [this.#options.schema],
      name: this.#statements.nameOf(SETTINGS),
    };
    return this.#connections.lend(async (client, noting) => {
      const message = new PostgresMessage([settings, ...statements]);
      client.query(message);
      return noting(message.results);
    });
  }

  /** With `statements` those of the work stay prepared for the next one. */
  async #transaction<T>(
    mode: string,
    work: (query: Query) => Promise<T>,
    statements?: PostgresStatements,
  ): Promise<T> {
    const settings = statements === undefined ? '' : `; ${FOR_LATER}`;
    return this.#connections.lend(async (client, noting) => {
      const { stream } = client.connection;
      const query: Query = async (text, values = [], name) => {
        // Statements that are sent without waiting between them go in one piece.
        stream.cork();
        nextTick(() => stream.uncork());
        const named = name === undefined ? {} : { name };
        return noting(client.query<Row>({ text, values: [...values], ...named }));
      };
      // The path within the transaction, so that it also holds where connections are shared by a proxy.
      const begun = query(`BEGIN ${mode}; SET LOCAL search_path TO ${this.#options.schema}${settings}`);
      // Its error is that of the first statement too.
      begun.catch(() => undefined);
      const value = await work((text, values) => query(text, values, statements?.nameOf(text)));
      await begun;
      // After a statement that failed, COMMIT rolls back, and calls that a success.
      const { command } = await query('COMMIT');
      if (command !== 'COMMIT')
        throw new Error('Internal error: a transaction went on after a statement that failed');
      return value;
    });
  }
}

/** Brings the schema up to date, one process at a time. Only a change needs the right to make tables. */
async function migrate(query: Query, { schema, migrations, url }: PostgresOptions): Promise<void> {
  await query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  const { rows: known } = await query(
    `SELECT to_regnamespace($1) AS schema, to_regclass($2) AS version, current_setting('server_encoding') AS encoding`,
    [schema, `${schema}.schema_version`],
  );
  const [found] = known;
  if (found?.['encoding'] !== 'UTF8')
    throw unreachable(url, new Error(`its encoding is ${String(found?.['encoding'])}, and UTF8 is needed`));
  if (found['schema'] === null) await query(`CREATE SCHEMA ${schema}`);
  if (found['version'] === null) {
    if (found['schema'] !== null) await refuseTables(query, schema, url);
    await query('CREATE TABLE schema_version (version integer NOT NULL)');
    await query('INSERT INTO schema_version VALUES (0)');
  }
  const { rows } = await query('SELECT version FROM schema_version');
  const version = Number(rows[0]?.['version'] ?? 0);
  if (version > migrations.length)
    throw new RecipeError('STORE_TOO_NEW', {
      path: `${placeOf(url)} (schema ${schema})`,
      found: version,
      known: migrations.length,
    });
  if (version === migrations.length) return;
  for (const migration of migrations.slice(version)) await query(migration);
  await query('UPDATE schema_version SET version = $1', [migrations.length]);
}

/** A schema of that name, which has tables and not ours, is another program's. */
async function refuseTables(query: Query, schema: string, url: string): Promise<void> {
  const { rows } = await query(
    `SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm', 'f')
      ORDER BY relname`,
    [schema],
  );
  if (rows.length === 0) return;
  throw new RecipeError('DATABASE_NOT_OURS', {
    database: `${placeOf(url)} (schema ${schema})`,
    problem: `it has ${tablesInWords(rows.map(({ relname }) => String(relname)))}`,
  });
}

import { nextTick } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { type CustomTypesConfig, Pool, type PoolClient, types } from 'pg';
import { RecipeError } from '../core/recipe-error.ts';
import { COLUMN_TYPES } from './postgres-insert.ts';
import { PostgresSql, type Query } from './postgres-sql.ts';
import { PostgresStatements } from './postgres-statements.ts';
import type { Database, Row, Sql } from './sql.ts';
import type { Migration } from './sqlite.ts';

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
const CONNECTIONS = 10;
/** For a connection, milliseconds: of the network, and behind the others who wait for one. */
const MAX_WAIT = 30_000;
/** Any number, the same in every process: who migrates holds it. */
const MIGRATION_LOCK = 7_367_301;
const IN_FAILED_TRANSACTION = '25P02';
/**
 * What is prepared while a table is small is run when it no longer is. And it is planned once: of lists it would
 * be thought each time anew how long they are, which takes longer than the statement.
 */
const FOR_LATER = 'SET LOCAL enable_seqscan TO off; SET LOCAL plan_cache_mode TO force_generic_plan';
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * A database on a PostgreSQL server. A write sees what others commit while it runs: what must not change
 * under it, it locks. A conflict is tried again.
 */
export class PostgresDatabase implements Database {
  readonly dialect = 'postgres';
  readonly #pool: Pool;
  readonly #options: PostgresOptions;
  readonly #types = new Map<string, string>();
  readonly #statements = new PostgresStatements();

  private constructor(pool: Pool, options: PostgresOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW */
  static async open(options: PostgresOptions): Promise<PostgresDatabase> {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema))
      throw new Error(`Internal error: ${options.schema} is no name for a schema`);
    let pool: Pool;
    try {
      pool = new Pool({
        connectionString: options.url,
        max: CONNECTIONS,
        connectionTimeoutMillis: MAX_WAIT,
        pipeline: true,
        types: { getTypeParser },
      });
    } catch (cause) {
      throw unreachable(options, cause);
    }
    // A connection that is cut while nobody uses it: the pool makes another.
    pool.on('error', () => undefined);
    const database = new PostgresDatabase(pool, options);
    try {
      const { rows } = await database.#transaction('ISOLATION LEVEL READ COMMITTED', async (query) => {
        await options.mayWrite;
        await migrate(query, options);
        return query(COLUMN_TYPES, [options.schema]);
      });
      for (const { name, type } of rows) database.#types.set(String(name), String(type));
      return database;
    } catch (error) {
      await pool.end();
      throw codeOf(error) === INSUFFICIENT_PRIVILEGE ? unreachable(options, error) : error;
    }
  }

  async write<T>(work: (sql: Sql) => Promise<T>, how?: 'at-once'): Promise<T> {
    for (let tried = 1; ; tried += 1)
      try {
        return await this.#transaction(
          'ISOLATION LEVEL READ COMMITTED',
          (query) => work(new PostgresSql(query, this.#types)),
          { statements: this.#statements, how },
        );
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
    await this.#pool.end();
  }

  /** With `statements` those of the work stay prepared for the next one. */
  async #transaction<T>(
    mode: string,
    work: (query: Query) => Promise<T>,
    { statements, how }: { statements?: PostgresStatements; how?: 'at-once' | undefined } = {},
  ): Promise<T> {
    const client = await this.#connect();
    const settings = statements === undefined ? '' : `; ${FOR_LATER}`;
    let lost: Error | undefined;
    const lose = (error: Error): void => {
      lost ??= error;
    };
    client.on('error', lose);
    const failed: unknown[] = [];
    const { stream } = client.connection;
    const query: Query = async (text, values = [], name) => {
      // Statements that are sent without waiting between them go in one piece.
      stream.cork();
      nextTick(() => stream.uncork());
      try {
        return await client.query<Row>({
          text,
          values: [...values],
          ...(name === undefined ? {} : { name }),
        });
      } catch (error) {
        failed.push(error);
        throw error;
      }
    };
    try {
      // The path within the transaction, so that it also holds where connections are shared by a proxy.
      const begun = query(`BEGIN ${mode}; SET LOCAL search_path TO ${this.#options.schema}${settings}`);
      // Its error is that of the first statement too.
      begun.catch(() => undefined);
      let isEnded = false;
      const working = work((text, values) => {
        if (isEnded) throw new Error('Internal error: work that is done at once sent a statement later');
        return query(text, values, statements?.nameOf(text));
      });
      isEnded = how === 'at-once';
      const committed = isEnded ? query('COMMIT') : undefined;
      committed?.catch(() => undefined);
      const value = await working;
      await begun;
      // After a statement that failed, COMMIT rolls back, and calls that a success.
      const { command } = await (committed ?? query('COMMIT'));
      if (command !== 'COMMIT')
        throw new Error('Internal error: a transaction went on after a statement that failed');
      return value;
    } catch (error) {
      const first = lost ?? error;
      await client.query('ROLLBACK').catch(lose);
      if (lost !== undefined && failed.includes(error)) throw unreachable(this.#options, first);
      // A statement that was under way when another failed says only that.
      throw codeOf(error) === IN_FAILED_TRANSACTION ? failed[0] : error;
    } finally {
      client.off('error', lose);
      client.release(lost);
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (cause) {
      throw unreachable(this.#options, cause);
    }
  }
}

/** Times, steps, sizes and counts: none is beyond 2^53. */
const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format);

/** Brings the schema up to date, one process at a time. Only a change needs the right to make tables. */
async function migrate(query: Query, { schema, migrations, url }: PostgresOptions): Promise<void> {
  await query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  const { rows: known } = await query(
    `SELECT to_regnamespace($1) AS schema, to_regclass($2) AS version, current_setting('server_encoding') AS encoding`,
    [schema, `${schema}.schema_version`],
  );
  const [found] = known;
  if (found?.['encoding'] !== 'UTF8')
    throw unreachable(
      { url },
      new Error(`its encoding is ${String(found?.['encoding'])}, and UTF8 is needed`),
    );
  if (found['schema'] === null) await query(`CREATE SCHEMA ${schema}`);
  if (found['version'] === null) {
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

/** What is said of a server that cannot be used, without its password. */
export function unreachable({ url }: { url: string }, cause: unknown): RecipeError {
  return new RecipeError(
    'DATABASE_UNREACHABLE',
    { database: placeOf(url), problem: problemOf(cause) },
    { cause },
  );
}

/** Host, port and name: never the password, which may stand in more than one place. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'the given address';
  const { hostname, port, pathname } = new URL(url);
  return `${decodeURIComponent(hostname)}${port === '' ? '' : `:${port}`}${pathname}`;
}

/** A name with several addresses fails once for each. */
function problemOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return problemOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

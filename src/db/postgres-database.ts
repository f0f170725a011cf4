import { setTimeout as wait } from 'node:timers/promises';
import { type CustomTypesConfig, Pool, type PoolClient, types } from 'pg';
import { RecipeError } from '../core/recipe-error.ts';
import { PostgresSql, type Query } from './postgres-sql.ts';
import type { Database, Row, Sql } from './sql.ts';
import type { Migration } from './sqlite.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/name` */
  readonly url: string;
  /** The PostgreSQL schema that holds the tables; made if it is not there. Lower-case letters, digits and _. */
  readonly schema: string;
  readonly migrations: readonly Migration[];
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
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * A database on a PostgreSQL server. A write sees what others commit while it runs: what must not change
 * under it, it locks. A conflict is tried again.
 */
export class PostgresDatabase implements Database {
  readonly dialect = 'postgres';
  readonly #pool: Pool;
  readonly #options: PostgresOptions;

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
        types: { getTypeParser },
      });
    } catch (cause) {
      throw unreachable(options, cause);
    }
    // A connection that is cut while nobody uses it: the pool makes another.
    pool.on('error', () => undefined);
    const database = new PostgresDatabase(pool, options);
    try {
      await database.#transaction('ISOLATION LEVEL READ COMMITTED', (query) => migrate(query, options));
      return database;
    } catch (error) {
      await pool.end();
      throw codeOf(error) === INSUFFICIENT_PRIVILEGE ? unreachable(options, error) : error;
    }
  }

  async write<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried += 1)
      try {
        return await this.#transaction('ISOLATION LEVEL READ COMMITTED', (query) =>
          work(new PostgresSql(query)),
        );
      } catch (error) {
        if (tried >= MAX_TRIES || !AGAIN.has(codeOf(error))) throw error;
        // Two that collided do not meet again at the same moment.
        await wait(Math.random() * 10 * 2 ** tried);
      }
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transaction('ISOLATION LEVEL REPEATABLE READ READ ONLY', (query) =>
      work(new PostgresSql(query)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #transaction<T>(mode: string, work: (query: Query) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    let lost: Error | undefined;
    const lose = (error: Error): void => {
      lost ??= error;
    };
    client.on('error', lose);
    let failed: unknown;
    const query: Query = async (text, values = []) => {
      try {
        return await client.query<Row>(text, [...values]);
      } catch (error) {
        failed = error;
        throw error;
      }
    };
    try {
      // The path within the transaction, so that it also holds where connections are shared by a proxy.
      await query(`BEGIN ${mode}; SET LOCAL search_path TO ${this.#options.schema}`);
      const value = await work(query);
      // After a statement that failed, COMMIT rolls back, and calls that a success.
      const { command } = await query('COMMIT');
      if (command !== 'COMMIT')
        throw new Error('Internal error: a transaction went on after a statement that failed');
      return value;
    } catch (error) {
      const first = lost ?? error;
      await client.query('ROLLBACK').catch(lose);
      throw lost !== undefined && error === failed ? unreachable(this.#options, first) : error;
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

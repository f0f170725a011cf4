import { type CustomTypesConfig, Pool, type PoolClient, types } from 'pg';
import { RecipeError } from '../core/recipe-error.ts';

const CONNECTIONS = 10;
/** For a connection, milliseconds: of the network, and behind the others who wait for one. */
const MAX_WAIT = 30_000;
const IN_FAILED_TRANSACTION = '25P02';

/** Times, steps, sizes and counts: none is beyond 2^53. */
export const NUMBERS: CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)),
};

/** Takes what one statement's promise gives; an error is noted as one of the database's. */
export type Noting = <T>(answer: Promise<T>) => Promise<T>;

/** Connections to one PostgreSQL server, lent to one at a time. */
export class PostgresConnections implements AsyncDisposable {
  readonly #url: string;
  readonly #pool: Pool;

  /** @throws RecipeError DATABASE_UNREACHABLE for what is no address */
  constructor(url: string) {
    this.#url = url;
    try {
      this.#pool = new Pool({
        connectionString: url,
        max: CONNECTIONS,
        connectionTimeoutMillis: MAX_WAIT,
        pipeline: true,
        types: NUMBERS,
      });
    } catch (cause) {
      throw unreachable(url, cause);
    }
    // A connection that is cut while nobody uses it: the pool makes another.
    this.#pool.on('error', () => undefined);
  }

  /**
   * Lends one; what was begun on it and failed is rolled back.
   *
   * @throws RecipeError DATABASE_UNREACHABLE; what the first statement that failed said; what `use` throws
   */
  async lend<T>(use: (client: PoolClient, noting: Noting) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    let lost: Error | undefined;
    const lose = (error: Error): void => {
      lost ??= error;
    };
    client.on('error', lose);
    const failed: unknown[] = [];
    const noting: Noting = async (answer) => {
      try {
        return await answer;
      } catch (error) {
        failed.push(error);
        throw error;
      }
    };
    try {
      return await use(client, noting);
    } catch (error) {
      const first = lost ?? error;
      await client.query('ROLLBACK').catch(lose);
      if (lost !== undefined && failed.includes(error)) throw unreachable(this.#url, first);
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
      throw unreachable(this.#url, cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

/** What is said of a server that cannot be used, without its password. */
export function unreachable(url: string, cause: unknown): RecipeError {
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

/** PostgreSQL's five characters for an error (SQLSTATE), or empty. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

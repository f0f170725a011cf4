import type { Clock } from '../core/world.ts';
import { PostgresConnections, unreachable } from './postgres-connections.ts';

/** What somebody may do with the tables of a schema. */
export interface SchemaFacts {
  readonly schema: string;
  /** Of its tables; undefined: there are none yet, or they may not be read. */
  readonly version: number | undefined;
  readonly isThere: boolean;
  /** Its rows. */
  readonly mayWrite: boolean;
  /** What a newer version of Stockpot does with tables. */
  readonly mayMigrate: boolean;
}

export interface PostgresFacts {
  readonly version: string;
  readonly encoding: string;
  readonly database: string;
  /** Who is signed in. */
  readonly role: string;
  /** A standby, or one that takes no writes. */
  readonly isReadOnly: boolean;
  readonly mayMakeSchemas: boolean;
  readonly schemas: readonly SchemaFacts[];
  readonly roundTripMs: number;
  /** By how much its clock is ahead of this machine's. */
  readonly skewMs: number;
}

/**
 * Asks a PostgreSQL server what it is, and what may be done there; writes nothing.
 *
 * @throws RecipeError DATABASE_UNREACHABLE
 */
export async function probePostgres(
  url: string,
  schemas: readonly string[],
  clock: Clock,
): Promise<PostgresFacts> {
  await using connections = new PostgresConnections(url);
  return await connections.lend(async (client, noting) => {
    const ask: Ask = async (text, ...values) => {
      const answer = noting(client.query<Record<string, unknown>>(text, values));
      const { rows } = await answer.catch((error: unknown) => {
        throw unreachable(url, error);
      });
      return rows[0] ?? {};
    };
    const facts = await ask(DATABASE);
    const found: SchemaFacts[] = [];
    for (const schema of schemas) found.push(await schemaFacts(ask, schema));
    return {
      version: String(facts['version']),
      encoding: String(facts['encoding']),
      database: String(facts['database']),
      role: String(facts['role']),
      isReadOnly: facts['is_read_only'] === true,
      mayMakeSchemas: facts['may_make_schemas'] === true,
      schemas: found,
      ...(await clockFacts(ask, clock)),
    };
  });
}

type Ask = (text: string, ...values: string[]) => Promise<Record<string, unknown>>;

async function clockFacts(ask: Ask, clock: Clock): Promise<Pick<PostgresFacts, 'roundTripMs' | 'skewMs'>> {
  const [sentAt, started] = [clock.now(), clock.monotonic()];
  const { now } = await ask('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now');
  const roundTripMs = clock.monotonic() - started;
  return { roundTripMs, skewMs: Number(now) - sentAt - roundTripMs / 2 };
}

async function schemaFacts(ask: Ask, schema: string): Promise<SchemaFacts> {
  const { is_there, may_read, may_write, may_migrate } = await ask(SCHEMA, schema);
  const { version } = may_read === true ? await ask(`SELECT version FROM ${schema}.schema_version`) : {};
  return {
    schema,
    version: version === undefined ? undefined : Number(version),
    isThere: is_there === true,
    mayWrite: may_write === true,
    mayMigrate: may_migrate === true,
  };
}

const DATABASE = `SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
  current_database() AS database, current_user AS role,
  pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS is_read_only,
  has_database_privilege(current_database(), 'CREATE') AS may_make_schemas`;

/** Of a schema without tables all is true that its owner may do. */
const SCHEMA = `WITH space AS (SELECT to_regnamespace($1)::oid AS oid),
  tables AS (SELECT c.oid, c.relowner FROM pg_class c JOIN space ON c.relnamespace = space.oid WHERE c.relkind IN ('r', 'p'))
  SELECT space.oid IS NOT NULL AS is_there,
    has_schema_privilege(space.oid, 'USAGE') AND has_table_privilege(to_regclass($1 || '.schema_version'), 'SELECT') AS may_read,
    has_schema_privilege(space.oid, 'USAGE') AND (SELECT coalesce(bool_and(has_table_privilege(oid, 'SELECT')
      AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')), true)
      FROM tables) AS may_write,
    has_schema_privilege(space.oid, 'CREATE') AND (SELECT coalesce(bool_and(pg_has_role(relowner, 'USAGE')), true) FROM tables)
      AS may_migrate
  FROM space`;

import type { Addresses } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { PostgresFacts, SchemaFacts } from '../db/probe-postgres.ts';
import { ledgerMigrations } from '../ledger/schema.ts';
import { type Place, placeName, placesOf } from '../tracking/places.ts';
import { type Check, checkOf } from './check.ts';
import { checkClock } from './check-clock.ts';
import type { Context } from './context.ts';

/** What is kept in a database, by the name of its schema: the version that this program knows. */
type Wanted = ReadonlyMap<string, number>;

/**
 * Whether the databases on PostgreSQL that the environment and a profile name can be reached and written, and agree on
 * the time. What lies in a home needs no network.
 */
export async function checkDatabases(
  profile: Addresses,
  { world }: Pick<Context, 'world'>,
): Promise<Check[]> {
  try {
    const wanted = await wantedOf(profile, world.env);
    const found: Check[] = [];
    for (const [url, schemas] of wanted) found.push(...(await checkDatabase(url, schemas, world.clock)));
    return found;
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return [checkOf('database', error)];
  }
}

async function wantedOf(
  profile: Addresses,
  env: Context['world']['env'],
): Promise<ReadonlyMap<string, Wanted>> {
  const { POSTGRES_TRACKING_MIGRATIONS } = await import('../tracking/postgres/schema.ts');
  const found = new Map<string, Map<string, number>>();
  const add = (place: Place, schema: string, version: number): void => {
    if (place.kind !== 'database' || !place.url.startsWith('postgres:')) return;
    const schemas = found.get(place.url) ?? new Map<string, number>();
    found.set(place.url, schemas.set(schema, version));
  };
  const ledger = placesOf({
    flags: {},
    env: { STOCKPOT_DATABASE_URL: env['STOCKPOT_DATABASE_URL'] },
    profile: {},
  });
  add(ledger.tracking, 'ledger', ledgerMigrations('postgres').length);
  const { tracking, registry } = placesOf({ flags: {}, env, profile });
  for (const place of [tracking, registry]) add(place, 'tracking', POSTGRES_TRACKING_MIGRATIONS.length);
  return found;
}

async function checkDatabase(
  url: string,
  wanted: Wanted,
  clock: Context['world']['clock'],
): Promise<Check[]> {
  try {
    const { refuseMlflowDatabase } = await import('../tracking/import/refuse-mlflow-database.ts');
    const { probePostgres } = await import('../db/probe-postgres.ts');
    if (wanted.has('tracking')) await refuseMlflowDatabase({ kind: 'postgres', url });
    const facts = await probePostgres(url, [...wanted.keys()], clock);
    const place = placeName({ kind: 'database', url }) ?? '';
    const reached = `${place}, version ${facts.version}, answers in ${facts.roundTripMs.toFixed(1)} ms`;
    return [
      { name: 'database', ok: true, detail: reached },
      ...unusable(facts),
      ...facts.schemas.map((schema) => checkSchema(schema, facts, wanted.get(schema.schema) ?? 0)),
      checkClock('database clock', 'the database', facts.skewMs),
    ];
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return [checkOf('database', error)];
  }
}

function unusable({ encoding, isReadOnly, database }: PostgresFacts): Check[] {
  const found: Check[] = [];
  if (encoding !== 'UTF8')
    found.push({
      name: 'database encoding',
      ok: false,
      detail: `it is ${encoding}, and UTF8 is needed`,
      fix: `Make another: \`CREATE DATABASE ${database}_utf8 ENCODING 'UTF8' TEMPLATE template0\`.`,
    });
  if (isReadOnly)
    found.push({
      name: 'database writes',
      ok: false,
      detail: 'it takes none: it is a standby, or read-only',
      fix: 'Name the primary server, or set default_transaction_read_only to off for the role.',
    });
  return found;
}

function checkSchema(
  { schema, isThere, version, mayWrite, mayMigrate }: SchemaFacts,
  { role, database, mayMakeSchemas }: PostgresFacts,
  known: number,
): Check {
  const name = `database ${schema}`;
  const [who, where] = [quoted(role), quoted(database)];
  const grant = `GRANT USAGE ON SCHEMA ${schema} TO ${who}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${who}`;
  if (!isThere)
    return mayMakeSchemas
      ? { name, ok: true, detail: `made when it is first used, by ${role}` }
      : {
          name,
          ok: false,
          detail: `it is not there, and ${role} may not make it`,
          fix: `Allow it: \`GRANT CREATE ON DATABASE ${where} TO ${who}\`.`,
        };
  if (version !== undefined && version > known)
    return {
      name,
      ok: false,
      detail: `it has version ${version}, and this program knows ${known}`,
      fix: 'Update Stockpot on this machine.',
    };
  if (version === known)
    return mayWrite
      ? { name, ok: true, detail: `version ${version}, written by ${role}` }
      : { name, ok: false, detail: `${role} may not write its tables`, fix: `Allow it: \`${grant}\`.` };
  return mayMigrate && mayWrite
    ? {
        name,
        ok: true,
        detail: `version ${version ?? 0}: it is brought to ${known} when it is first used, by ${role}`,
      }
    : {
        name,
        ok: false,
        detail: `version ${version ?? 'unknown'}, and ${role} may not bring it to ${known}`,
        fix: `Start \`recipe server\` or \`recipe worker --drive\` once as the owner of its tables; then \`${grant}\`.`,
      };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

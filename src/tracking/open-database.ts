import { join, resolve } from 'node:path';
import type { Database } from '../db/sql.ts';
import { SqliteDatabase } from '../db/sqlite-database.ts';
import { TRACKING_MIGRATIONS } from './sqlite/schema.ts';

/**
 * The tracking database of a home, or the one at an address, `postgres://…` or `sqlite:PATH`: what was
 * acknowledged survives a power cut.
 *
 * @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW, DATABASE_OF_MLFLOW, DATABASE_NOT_OURS
 */
export async function openDatabase(
  home: string,
  url: string | undefined,
  use: 'bulk' | 'serving' = 'serving',
): Promise<Database> {
  if (url?.startsWith('postgres:')) {
    // The driver takes longer to load than a run that does nothing.
    const { PostgresDatabase } = await import('../db/postgres-database.ts');
    const { POSTGRES_TRACKING_MIGRATIONS: migrations } = await import('./postgres/schema.ts');
    // The server makes a process for each connection: both at once.
    const mayWrite = refuseMlflows(url);
    // Where there is no connection at all, that is said by the other one.
    mayWrite.catch(() => undefined);
    return PostgresDatabase.open({ url, schema: 'tracking', migrations, mayWrite });
  }
  const open = (path: string): Database =>
    SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'full' }, use);
  if (url === undefined) return open(join(home, 'tracking.db'));
  const path = resolve(url.slice('sqlite:'.length));
  const { checkDatabaseFile, orUnreachable } = await import('./check-database-file.ts');
  // What is MLflow's is told by its tables: first whether there are any to ask for.
  await checkDatabaseFile(path, async () => refuseMlflows(url));
  return orUnreachable(path, () => open(path));
}

/** What lies at an address may be MLflow's own; in a home it never is. */
async function refuseMlflows(url: string): Promise<void> {
  const { refuseMlflowDatabase } = await import('./import/refuse-mlflow-database.ts');
  await refuseMlflowDatabase(
    url.startsWith('postgres:')
      ? { kind: 'postgres', url }
      : { kind: 'path', path: resolve(url.slice('sqlite:'.length)) },
  );
}

import { join } from 'node:path';
import type { Database } from '../db/sql.ts';
import { SqliteDatabase } from '../db/sqlite-database.ts';
import { ledgerMigrations } from './schema.ts';

/**
 * Our own durable state: schedules and their ticks. In the home's `ledger.db`, or on the server at a
 * `postgres://` address: what was acknowledged survives a power cut.
 *
 * @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW
 */
export async function openLedger(home: string, url: string | undefined): Promise<Database> {
  if (url?.startsWith('postgres:') === true) {
    const { PostgresDatabase } = await import('../db/postgres-database.ts');
    return PostgresDatabase.open({ url, schema: 'ledger', migrations: ledgerMigrations('postgres') });
  }
  return SqliteDatabase.open({
    path: join(home, 'ledger.db'),
    migrations: ledgerMigrations('sqlite'),
    durability: 'full',
  });
}

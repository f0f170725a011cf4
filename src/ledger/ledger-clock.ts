import type { Sql } from '../db/sql.ts';

/**
 * Milliseconds since the Unix epoch by the ledger's own clock, which all that share it go by: PostgreSQL's, or,
 * where the ledger is a file, that of its machine.
 */
export async function ledgerNow(sql: Sql, here: () => number): Promise<number> {
  if (sql.dialect === 'sqlite') return here();
  const row = await sql.get(
    'SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint) AS now',
  );
  return Number(row?.['now']);
}

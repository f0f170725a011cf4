import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import type { OpenLedgers } from '../conformance/describe-schedule-ledger.ts';
import type { PostgresRig } from './postgres-rig.ts';

export async function ledgersOnSqlite(): Promise<OpenLedgers> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const schedulers = [await openLedger(dir, undefined), await openLedger(dir, undefined)] as const;
  return {
    schedulers,
    [Symbol.asyncDispose]: async () => {
      for (const scheduler of schedulers) await scheduler[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

/** In a schema of its own. */
export async function ledgersOnPostgres(rig: PostgresRig): Promise<OpenLedgers> {
  const options = { url: rig.url, schema: rig.newSchema(), migrations: ledgerMigrations('postgres') };
  const schedulers = [await PostgresDatabase.open(options), await PostgresDatabase.open(options)] as const;
  return {
    schedulers,
    [Symbol.asyncDispose]: async () => {
      for (const scheduler of schedulers) await scheduler[Symbol.asyncDispose]();
    },
  };
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freshSchema } from '../../scripts/dump-schema.ts';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import { describeNotificationLedger } from '../conformance/describe-notification-ledger.ts';
import { describeScheduleLedger, type OpenLedgers } from '../conformance/describe-schedule-ledger.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

// If this fails after a new migration: `npm run golden`. A released migration is never edited.
test('ledger.db has the schema that is written down', () => {
  const golden = join(import.meta.dirname, '../db/ledger.schema.sql');
  expect(freshSchema('ledger')).toBe(readFileSync(golden, 'utf8'));
});

describeScheduleLedger('SQLite', onSqlite);
describeNotificationLedger('SQLite', onSqlite);

async function onSqlite(): Promise<OpenLedgers> {
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

onPostgres((rig) => {
  const open = async (): Promise<OpenLedgers> => {
    const options = { url: rig().url, schema: rig().newSchema(), migrations: ledgerMigrations('postgres') };
    const schedulers = [await PostgresDatabase.open(options), await PostgresDatabase.open(options)] as const;
    return {
      schedulers,
      [Symbol.asyncDispose]: async () => {
        for (const scheduler of schedulers) await scheduler[Symbol.asyncDispose]();
      },
    };
  };
  describeScheduleLedger('PostgreSQL', open);
  describeNotificationLedger('PostgreSQL', open);
});

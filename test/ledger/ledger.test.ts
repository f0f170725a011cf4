import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freshSchema } from '../../scripts/dump-schema.ts';
import { openSqlite } from '../../src/db/sqlite.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import { listTicks } from '../../src/ledger/ticks.ts';
import { describeEndTicks } from '../conformance/describe-end-ticks.ts';
import { describeForgottenTicks } from '../conformance/describe-forgotten-ticks.ts';
import { describeLimitLedger } from '../conformance/describe-limit-ledger.ts';
import { describeNotificationLedger } from '../conformance/describe-notification-ledger.ts';
import { describeScheduleLedger, type OpenLedgers } from '../conformance/describe-schedule-ledger.ts';
import { describeSubmissionLedger } from '../conformance/describe-submission-ledger.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { ledgersOnPostgres, ledgersOnSqlite } from '../rigs/open-ledgers.ts';

// If this fails after a new migration: `npm run golden`. A released migration is never edited.
test('ledger.db has the schema that is written down', () => {
  const golden = join(import.meta.dirname, '../db/ledger.schema.sql');
  expect(freshSchema('ledger')).toBe(readFileSync(golden, 'utf8'));
});

describeScheduleLedger('SQLite', ledgersOnSqlite);
describeNotificationLedger('SQLite', ledgersOnSqlite);
describeEndTicks('SQLite', ledgersOnSqlite);
describeForgottenTicks('SQLite', ledgersOnSqlite);

test('a ledger of before there were ticks that follow runs keeps its ticks', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    const path = join(dir, 'ledger.db');
    const before = openSqlite({
      path,
      migrations: ledgerMigrations('sqlite').slice(0, 2),
      durability: 'full',
    });
    before.exec(`INSERT INTO schedules VALUES ('a', '/p', 'a@prod', '{}', 's', 1, 'me', 1, NULL, NULL, 'ok');
      INSERT INTO ticks VALUES ('a', 5, 0, 'clock', 'running', 1, 'me', 9, 'r', 'seen', 'note', NULL),
        ('a', 4, 0, 'clock', 'skipped', 0, NULL, NULL, NULL, NULL, 'note', NULL)`);
    before.close();
    await using ledger = await openLedger(dir, undefined);
    const [running, skipped] = await ledger.read((sql) => listTicks(sql, 'a', 9));
    expect(skipped).toMatchObject({ nominal: 4, state: 'skipped', endedAt: 4 });
    expect([running]).toEqual([
      {
        schedule: 'a',
        nominal: 5,
        number: 0,
        cause: 'clock',
        state: 'running',
        epoch: 1,
        leaseUntil: 9,
        run: 'r',
        after: undefined,
        seen: 'seen',
        note: 'note',
        endedAt: undefined,
      },
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
describeSubmissionLedger('SQLite', ledgersOnSqlite);
describeLimitLedger('SQLite', ledgersOnSqlite);

onPostgres((rig) => {
  const open = async (): Promise<OpenLedgers> => ledgersOnPostgres(rig());
  describeScheduleLedger('PostgreSQL', open);
  describeNotificationLedger('PostgreSQL', open);
  describeEndTicks('PostgreSQL', open);
  describeForgottenTicks('PostgreSQL', open);
  describeSubmissionLedger('PostgreSQL', open);
  describeLimitLedger('PostgreSQL', open);
});

import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StepId } from '../../src/core/ids.ts';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import type { LimitLease } from '../../src/engine/limits-port.ts';
import { HeldLimits } from '../../src/ledger/held-limits.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import { StillClock } from '../rigs/still-clock.ts';

const leaseOf = (run: string): LimitLease => ({
  flight: run,
  run,
  step: 'a' as StepId,
  limits: [{ name: 'gpu', most: 1 }],
  outlivesDriver: false,
});

test('who stands still until what it took has lapsed, and another has taken it, has it no more', async () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  await using ledger = SqliteDatabase.open({
    path: join(dir.path, 'ledger.db'),
    migrations: ledgerMigrations('sqlite'),
    durability: 'normal',
  });
  const clock = new StillClock();
  await using other = new HeldLimits({ open: async () => shared(ledger), clock });
  const meanwhile = async (): Promise<void> => {
    await clock.pass(15_000);
    expect(await other.take(leaseOf('other'))).toBeUndefined();
  };
  await using still = new HeldLimits({ open: async () => shared(ledger, meanwhile), clock });
  expect(await still.take(leaseOf('still'))).toEqual({ name: 'gpu', runs: ['other'] });
});

/** The ledger, whose first write is answered only after something else has happened. */
function shared(ledger: Database, meanwhile: () => Promise<void> = async () => {}): Database {
  let isFirst = true;
  return {
    dialect: ledger.dialect,
    read: async (work) => ledger.read(work),
    write: async (work) => {
      const done = await ledger.write(work);
      if (isFirst) {
        isFirst = false;
        await meanwhile();
      }
      return done;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecipeError } from '../../src/core/recipe-error.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import { SubmissionDriver } from '../../src/ledger/submission-driver.ts';
import { readSubmission, submit } from '../../src/ledger/submissions.ts';
import { StillClock } from '../rigs/still-clock.ts';

const SUBMITTED = {
  id: 'r1',
  projectDir: '/p',
  settings: {
    file: 'recipe.yaml',
    recipe: 'r',
    set: [],
    selection: {},
    force: false,
    keepGoing: false,
    at: 5,
  },
  snapshot: 's',
  place: 'here',
  remote: undefined,
  submittedAt: 1,
  submittedBy: 'ann@host',
  owner: undefined,
};

test('a run whose files are lost for too long has failed, and its place is free', async () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  await using ledger = SqliteDatabase.open({
    path: join(dir.path, 'ledger.db'),
    migrations: ledgerMigrations('sqlite'),
    durability: 'normal',
  });
  await ledger.write((sql) => submit(sql, SUBMITTED));
  const clock = new StillClock();
  const stop = new AbortController();
  let tries = 0;
  const driver = new SubmissionDriver(
    {
      ledger,
      clock,
      place: 'here',
      remote: undefined,
      run: async () => {
        tries += 1;
        throw new RecipeError('SNAPSHOT_LOST', { place: '/shared', problem: 'a is missing there' });
      },
      mostWaitMs: 60_000,
    },
    {
      slots: 1,
      by: 'driver',
      signal: stop.signal,
      once: false,
      onChange: (_, state) => {
        if (state === 'failed') stop.abort();
      },
      onWarning: () => {},
    },
  );
  const started = clock.now();
  const served = driver.serve();
  while (!stop.signal.aborted) {
    await clock.pass(1000);
    // The lease is renewed meanwhile, as it would be in a second.
    for (let turn = 0; turn < 5; turn += 1) await ledger.write((sql) => sql.get('SELECT 1'));
  }
  await served;
  expect(await ledger.read((sql) => readSubmission(sql, 'r1'))).toMatchObject({
    state: 'failed',
    note: expect.stringContaining('SNAPSHOT_LOST: '),
  });
  expect(tries).toBeGreaterThan(2);
  expect(clock.now() - started).toBeGreaterThanOrEqual(60_000);
});

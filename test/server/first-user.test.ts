import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { FirstUser } from '../../src/server/first-user.ts';
import { createUser, deleteUser } from '../../src/tracking/access/users.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

const CHANGE = { actor: 'test', at: 1 };

/** Within how many milliseconds a server hears of the first user whom somebody else made. */
async function heardAfter(database: Database): Promise<number> {
  let now = 0;
  const firstUser = new FirstUser(database, () => now);
  expect(await firstUser.isThere()).toBe(false);
  await database.write((sql) =>
    createUser(sql, { name: 'bob', role: 'member', passwordHash: undefined }, CHANGE),
  );
  while (!(await firstUser.isThere())) now += 100;
  await database.write((sql) => deleteUser(sql, 'bob', CHANGE));
  const heard = now;
  now += 10_000;
  expect(await firstUser.isThere()).toBe(true);
  return heard;
}

describe('the first user counts, and still does when there is none any more', () => {
  test('at once on SQLite', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    await using database = await openDatabase(dir, undefined);
    expect(await heardAfter(database)).toBe(0);
    rmSync(dir, { recursive: true });
  });

  onPostgres((postgres) => {
    test('within a second on PostgreSQL', async () => {
      await using database = await openDatabase('', await postgres().newDatabase());
      expect(await heardAfter(database)).toBe(1000);
    });
  });
});

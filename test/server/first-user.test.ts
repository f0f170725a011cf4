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

/** The database, and how often it was read. */
function counted(database: Database): { readonly database: Database; readonly reads: () => number } {
  let reads = 0;
  return {
    database: {
      dialect: database.dialect,
      read: (work) => {
        reads += 1;
        return database.read(work);
      },
      write: (work, how) => database.write(work, how),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    },
    reads: () => reads,
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How often the database is read for `asked` requests in each of three turns of the loop. */
async function readsIn(database: Database, asked: number, now: () => number): Promise<number[]> {
  const { database: seen, reads } = counted(database);
  const firstUser = new FirstUser(seen, now);
  const all: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const before = reads();
    const answers = await Promise.all(Array.from({ length: asked }, () => firstUser.isThere()));
    expect(new Set(answers)).toEqual(new Set([false]));
    all.push(reads() - before);
    await nextTurn();
  }
  return all;
}

describe('the first user counts, and still does when there is none any more', () => {
  test('at once on SQLite', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    await using database = await openDatabase(dir, undefined);
    expect(await heardAfter(database)).toBe(0);
    rmSync(dir, { recursive: true });
  });

  test('at once on SQLite, too, when it is made through another connection', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    await using here = await openDatabase(dir, undefined);
    await using there = await openDatabase(dir, undefined);
    const firstUser = new FirstUser(here, () => 0);
    expect(await firstUser.isThere()).toBe(false);
    await there.write((sql) =>
      createUser(sql, { name: 'bob', role: 'member', passwordHash: undefined }, CHANGE),
    );
    expect(await firstUser.isThere()).toBe(true);
    rmSync(dir, { recursive: true });
  });

  test('after a look that failed, too', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const closed = await openDatabase(dir, undefined);
    await closed[Symbol.asyncDispose]();
    await using open = await openDatabase(dir, undefined);
    let database = closed;
    const firstUser = new FirstUser(
      {
        dialect: 'postgres',
        read: (work) => database.read(work),
        write: (work) => database.write(work),
        [Symbol.asyncDispose]: async () => undefined,
      },
      () => 0,
    );
    await expect(firstUser.isThere()).rejects.toThrow('database is not open');
    database = open;
    expect(await firstUser.isThere()).toBe(false);
    rmSync(dir, { recursive: true });
  });

  onPostgres((postgres) => {
    test('within a second on PostgreSQL', async () => {
      await using database = await openDatabase('', await postgres().newDatabase());
      expect(await heardAfter(database)).toBe(1000);
    });
  });
});

describe('until then requests share a look', () => {
  test('of one turn of the loop on SQLite', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    await using database = await openDatabase(dir, undefined);
    expect(await readsIn(database, 16, () => 0)).toEqual([1, 1, 1]);
    rmSync(dir, { recursive: true });
  });

  onPostgres((postgres) => {
    test('of one second on PostgreSQL', async () => {
      await using database = await openDatabase('', await postgres().newDatabase());
      expect(await readsIn(database, 16, () => 0)).toEqual([1, 0, 0]);
    });
  });
});

import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import type { Database } from '../../src/db/sql.ts';
import {
  addPart,
  beginUpload,
  endUpload,
  expiredUploads,
  findUpload,
  finishUpload,
  mayAddPart,
  partsOf,
  type Upload,
} from '../../src/tracking/uploads/uploads.ts';
import type { OpenStore } from './mlflow-store.ts';

const DIGESTS = ['a', 'b', 'c'].map((letter) => letter.repeat(64) as Digest);
const [A, B, C] = DIGESTS as [Digest, Digest, Digest];

/** Begins an upload of the file `0/f` in three parts, from 100 to 200; gives its secret. */
async function begin(database: Database, id: string, expiresAt = 200): Promise<string> {
  const upload = { id, path: '0/f', partCount: 3, createdAt: 100, expiresAt };
  return database.write((sql) => beginUpload(sql, upload));
}

export function describeUploads(name: string, open: () => Promise<OpenStore>): void {
  describe(`a file that comes in parts (${name})`, () => {
    test('takes the parts that it has, from who knows its secret, until it lapses', async () => {
      await using store = await open();
      const { database } = store;
      const secret = await begin(database, 'u');
      await begin(database, 'other');
      const may = async (id: string, number: number, by: string, now: number): Promise<boolean> =>
        database.read((sql) => mayAddPart(sql, { id, number, secret: by }, now));
      expect([await may('u', 1, secret, 100), await may('u', 3, secret, 199)]).toEqual([true, true]);
      expect([
        await may('u', 4, secret, 100),
        await may('other', 1, secret, 100),
        await may('u', 1, '', 100),
        await may('u', 1, secret, 200),
      ]).toEqual([false, false, false, false]);
    });

    test('has of each part what came last, and is of one path', async () => {
      await using store = await open();
      const { database } = store;
      await begin(database, 'u');
      for (const [number, digest] of [
        [2, B],
        [1, A],
        [2, C],
      ] as const)
        expect(await database.write((sql) => addPart(sql, 'u', { number, digest }))).toBe(true);
      expect(Object.fromEntries(await database.read((sql) => partsOf(sql, 'u')))).toEqual({
        1: { number: 1, digest: A },
        2: { number: 2, digest: C },
      });
      const found = async (path: string, now: number): Promise<Upload | undefined> =>
        database.read((sql) => findUpload(sql, { id: 'u', path }, now));
      expect([await found('0/f', 199), await found('0/g', 199), await found('0/f', 200)]).toEqual([
        { partCount: 3, madeOf: undefined },
        undefined,
        undefined,
      ]);
    });

    test('that is made says of what, until it lapses, and takes no part any more', async () => {
      await using store = await open();
      const { database } = store;
      const secret = await begin(database, 'u');
      await database.write((sql) => addPart(sql, 'u', { number: 1, digest: A }));
      expect(await database.write((sql) => finishUpload(sql, 'u', B))).toBe(true);
      expect(await database.read((sql) => findUpload(sql, { id: 'u', path: '0/f' }, 199))).toEqual({
        partCount: 3,
        madeOf: B,
      });
      expect((await database.read((sql) => partsOf(sql, 'u'))).size).toBe(0);
      expect(await database.write((sql) => addPart(sql, 'u', { number: 1, digest: A }))).toBe(false);
      expect(await database.read((sql) => mayAddPart(sql, { id: 'u', number: 1, secret }, 100))).toBe(false);
      expect(await database.write((sql) => finishUpload(sql, 'none', B))).toBe(false);
    });

    test('ends once, with all its parts, and takes none afterwards', async () => {
      await using store = await open();
      const { database } = store;
      await begin(database, 'u');
      await database.write((sql) => addPart(sql, 'u', { number: 1, digest: A }));
      const ended = await Promise.all(
        Array.from({ length: 8 }, () => database.write((sql) => endUpload(sql, 'u'))),
      );
      expect(ended.filter(Boolean)).toEqual([true]);
      expect(await database.write((sql) => addPart(sql, 'u', { number: 1, digest: A }))).toBe(false);
      expect((await database.read((sql) => partsOf(sql, 'u'))).size).toBe(0);
    });

    test('that came to no end is found when it has lapsed, the oldest first', async () => {
      await using store = await open();
      const { database } = store;
      for (const [id, until] of [
        ['late', 300],
        ['second', 200],
        ['first', 150],
      ] as const)
        await begin(database, id, until);
      expect(await database.read((sql) => expiredUploads(sql, 200))).toEqual(['first', 'second']);
    });
  });
}

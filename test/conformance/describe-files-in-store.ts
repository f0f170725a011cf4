import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database, Sql } from '../../src/db/sql.ts';
import type { FileInfo } from '../../src/server/client-files.ts';
import { FilesInStore } from '../../src/server/files-in-store.ts';
import { digestOf } from '../../src/store/hash.ts';
import { pin, pinnedDigests } from '../../src/store/roots.ts';
import { Store } from '../../src/store/store.ts';
import { type OpenStore, outcome } from './mlflow-store.ts';

/** Work that stops before and after each transaction, until it is told to go on. */
class Stepped implements Pick<Database, 'dialect' | 'read' | 'write' | typeof Symbol.asyncDispose> {
  readonly dialect: Database['dialect'];
  readonly #database: Database;
  #stopped = Promise.withResolvers<void>();
  #go = Promise.withResolvers<void>();
  #ended: Promise<void> = Promise.resolve();
  isOver = false;

  constructor(database: Database) {
    this.#database = database;
    this.dialect = database.dialect;
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#database.read(work);
  }

  async write<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    await this.#stop();
    const value = await this.#database.write(work);
    await this.#stop();
    return value;
  }

  /** Resolves when it stops for the first time, or is over. */
  async begin(work: () => Promise<void>): Promise<void> {
    this.#ended = this.#through(work);
    await Promise.race([this.#stopped.promise, this.#ended]);
  }

  async #through(work: () => Promise<void>): Promise<void> {
    await work();
    this.isOver = true;
  }

  /** Resolves when it stops again, or is over. */
  async step(): Promise<void> {
    const go = this.#go;
    this.#stopped = Promise.withResolvers();
    this.#go = Promise.withResolvers();
    go.resolve();
    await Promise.race([this.#stopped.promise, this.#ended]);
  }

  async #stop(): Promise<void> {
    this.#stopped.resolve();
    await this.#go.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** Files that clients write, by path in a database of this kind. */
export function describeFilesInStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`files in the store, their names in ${name}`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const store = Store.open({ home: dir, now: () => 1000 });
    let opened: OpenStore;
    beforeAll(async () => {
      opened = await open();
    });
    beforeEach(async () => {
      await opened.database.write((sql) => sql.run('DELETE FROM files'));
    });
    afterAll(async () => {
      await opened[Symbol.asyncDispose]();
      store[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    });

    const filesIn = (database: Database): FilesInStore =>
      new FilesInStore({ database, store, home: dir, now: () => 1000 });
    const put = async (path: string, text = path): Promise<void> =>
      filesIn(opened.database).put(path, bytesOf(text));
    const named = async (): Promise<Record<string, unknown>> => {
      const rows = await opened.database.read((sql) => sql.all('SELECT path, digest FROM files'));
      return Object.fromEntries(rows.map(({ path, digest }) => [String(path), digest]));
    };

    test('what a path names is pinned, in whatever order puts and removals of it come', async () => {
      const one = fc.constantFrom('put a', 'put b', 'remove');
      const orders = fc.array(fc.nat({ max: 2 }), { maxLength: 9 });
      await fc.assert(
        fc.asyncProperty(fc.tuple(one, one, one), orders, async (works, order) => {
          await opened.database.write((sql) => sql.run('DELETE FROM files'));
          await put('f', 'old');
          const under = works.map(() => new Stepped(opened.database));
          for (const [index, work] of works.entries()) {
            const files = filesIn(under[index] as Stepped);
            await under[index]?.begin(async () =>
              work === 'remove' ? files.remove('f') : files.put('f', bytesOf(work)),
            );
          }
          for (const index of order) if (under[index]?.isOver === false) await under[index].step();
          for (const stepped of under) while (!stepped.isOver) await stepped.step();
          const pinned = pinnedDigests(store);
          for (const digest of Object.values(await named())) expect(pinned).toContain(digest);
        }),
        { numRuns: 60 },
      );
    });

    test('what no path names any more is pinned no more', async () => {
      await put('a', 'first');
      await put('a', 'second');
      await put('b', 'third');
      await filesIn(opened.database).remove('b');
      const pinned = pinnedDigests(store);
      expect(['first', 'second', 'third'].filter((text) => pinned.has(digestOf(text)))).toEqual(['second']);
    });

    test('one that was pinned by its path before is still pinned, until it is replaced or removed', async () => {
      const { digest, size } = await store.blobs.putDurably('of before');
      for (const path of ['a', 'b']) {
        await pin(store, dir, `file-${digestOf(path)}`, [{ digest, kind: 'file' }]);
        await opened.database.write((sql) =>
          sql.run(
            'INSERT INTO files (path, digest, size, created_at) VALUES (?, ?, ?, 1)',
            path,
            digest,
            size,
          ),
        );
      }
      await put('a', 'new');
      expect(pinnedDigests(store)).toContain(digest);
      await filesIn(opened.database).remove('b');
      expect(pinnedDigests(store)).not.toContain(digest);
    });

    test('a file is no folder, and a folder no file', async () => {
      await put('0/r/artifacts/a');
      await put('0/r/artifacts/b/c/d');
      const tried = ['a/b', 'a/b/c', 'b', 'b/c', 'b/c/d/e', 'b/c/e', 'a', 'ab', 'b.txt'];
      const outcomes: string[] = [];
      for (const path of tried) outcomes.push(`${path}: ${await outcome(put(`0/r/artifacts/${path}`))}`);
      expect(outcomes).toEqual([
        'a/b: INVALID_PARAMETER_VALUE',
        'a/b/c: INVALID_PARAMETER_VALUE',
        'b: INVALID_PARAMETER_VALUE',
        'b/c: INVALID_PARAMETER_VALUE',
        'b/c/d/e: INVALID_PARAMETER_VALUE',
        'b/c/e: done',
        'a: done',
        'ab: done',
        'b.txt: done',
      ]);
    });

    test('of a file and one below it that come at once, one is refused', async () => {
      const paths = ['x', 'x/y', 'x/y/z', '0/r', '0/r/artifacts/m', '0/r/artifacts/m/n'];
      const outcomes = await Promise.all(paths.map((path) => outcome(put(path))));
      const there = Object.keys(await named());
      expect(there.toSorted()).toEqual(paths.filter((_, index) => outcomes[index] === 'done').toSorted());
      for (const path of there) expect(there.filter((other) => other.startsWith(`${path}/`))).toEqual([]);
    });

    test('a listing has each name below a folder once, however many files are below that', async () => {
      const { digest, size } = await store.blobs.putDurably('x');
      const many = Array.from({ length: 1200 }, (_, index) => `many/${index}/${'x'.repeat(index % 3)}x`);
      const paths = [...many, 'many.txt', 'many-more/x', 'few/x', 'few/y', 'é/ü', '😀', 'z'];
      await opened.database.write((sql) =>
        sql.runMany(
          'INSERT INTO files (path, digest, size, created_at) VALUES (?, ?, ?, ?)',
          paths.map((path) => [`f/${path}`, digest, size, 1]),
        ),
      );
      const list = async (folder: string): Promise<FileInfo[]> => filesIn(opened.database).list(folder);
      const names = async (folder: string): Promise<string[]> =>
        (await list(folder)).map(({ path, is_dir }) => `${path}${is_dir ? '/' : ''}`);
      expect(await names('')).toEqual(['f/']);
      expect(await names('f')).toEqual(['few/', 'many-more/', 'many.txt', 'many/', 'z', 'é/', '😀']);
      expect((await names('f/many')).length).toBe(1200);
      expect(await list('f/few')).toEqual([
        { path: 'x', is_dir: false, file_size: size },
        { path: 'y', is_dir: false, file_size: size },
      ]);
      expect(await names('f/z')).toEqual([]);
    });
  });
}

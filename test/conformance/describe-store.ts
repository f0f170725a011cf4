import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Digest, fingerprint } from '../../src/core/ids.ts';
import { BlobDamaged } from '../../src/store/blobs.ts';
import { digestOf } from '../../src/store/hash.ts';
import type { Result } from '../../src/store/results.ts';
import type { Store } from '../../src/store/store.ts';
import { readTree, treeText } from '../../src/store/trees.ts';

/** One kind of store, and what a test does to it from outside. */
export interface StoreUnderTest extends AsyncDisposable {
  /** What another process on the same data sees: every call gives a new one. */
  readonly open: () => Promise<Pick<Store, 'blobs' | 'results'>>;
  /** Changes the bytes of a blob, or takes it away, behind the store's back. */
  readonly damage: (digest: Digest, how: 'flip' | 'remove') => Promise<void>;
  /** Leaves half a result under its name. */
  readonly tear: (result: Result) => Promise<void>;
}

/** What any store of blobs and results must do, wherever it keeps them. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name}: blobs`, () => {
    test('give back the bytes that were put, under their SHA-256, to everybody', async () => {
      await using under = await make();
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
          const [writer, reader] = [await under.open(), await under.open()];
          const { digest, size } = await writer.blobs.putDurably(bytes);
          await writer.blobs.settle();
          expect({ digest, size }).toEqual({ digest: digestOf(bytes), size: bytes.byteLength });
          expect(reader.blobs.has(digest, size)).toBe(true);
          expect(reader.blobs.read(digest).equals(bytes)).toBe(true);
        }),
        { numRuns: 15 },
      );
    });

    test('take a file in: it is gone from where it lay', async () => {
      await using under = await make();
      const { blobs } = await under.open();
      const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
      try {
        const path = join(dir, 'file');
        const bytes = Buffer.alloc(3_000_000, 'abc');
        writeFileSync(path, bytes);
        const { digest, size } = await blobs.putFile(path);
        await blobs.settle();
        expect({ digest, size }).toEqual({ digest: digestOf(bytes), size: 3_000_000 });
        expect(await (await under.open()).blobs.verify(digest)).toBe('ok');
      } finally {
        rmSync(dir, { recursive: true });
      }
    });

    test('put twice, or by two at once, are there once and whole', async () => {
      await using under = await make();
      const stores = await Promise.all(Array.from({ length: 4 }, () => under.open()));
      const put = await Promise.all(stores.map(({ blobs }) => blobs.putDurably('the same')));
      expect(new Set(put.map(({ digest }) => digest)).size).toBe(1);
      expect(stores[0]?.blobs.read(digestOf('the same')).toString()).toBe('the same');
    });

    test('that are not there are a typed miss', async () => {
      await using under = await make();
      const { blobs } = await under.open();
      const digest = digestOf('never put');
      expect(blobs.size(digest)).toBeUndefined();
      expect(await blobs.verify(digest)).toBe('missing');
      expect(() => blobs.read(digest)).toThrow(new BlobDamaged(digest, 'missing'));
    });

    test('that were damaged are never read, and are taken out of use', async () => {
      await using under = await make();
      const { digest } = await (await under.open()).blobs.putDurably('some bytes');
      await under.damage(digest, 'flip');
      const { blobs } = await under.open();
      expect(() => blobs.read(digest)).toThrow(new BlobDamaged(digest, 'corrupt'));
      expect(await blobs.verify(digest)).toBe('missing');
      await blobs.putDurably('some bytes');
      expect(blobs.read(digest).toString()).toBe('some bytes');
    });

    test('that were damaged are replaced by whoever puts them again', async () => {
      await using under = await make();
      const { digest } = await (await under.open()).blobs.putDurably('some bytes');
      await under.damage(digest, 'flip');
      const { blobs } = await under.open();
      await blobs.putDurably('some bytes');
      expect(blobs.read(digest).toString()).toBe('some bytes');
    });

    test('hold folders: a tree lists its files in one order', async () => {
      await using under = await make();
      const { blobs } = await under.open();
      const file = { ...(await blobs.putDurably('1')), path: 'b' };
      const other = { ...(await blobs.putDurably('2')), path: 'a', executable: true as const };
      const first = await blobs.putDurably(treeText([file, other], ['empty']));
      const second = await blobs.putDurably(treeText([other, file], ['empty']));
      expect(first).toEqual(second);
      const tree = readTree((await under.open()).blobs, first.digest);
      expect(tree.files.map(({ path }) => path)).toEqual(['a', 'b']);
      expect(tree.emptyFolders).toEqual(['empty']);
    });
  });

  describe(`${name}: results`, () => {
    test('are found by everybody once they are committed, and not before', async () => {
      await using under = await make();
      const [writer, reader] = [await under.open(), await under.open()];
      const result = await resultOf(writer, 'k', 'an output');
      expect(reader.results.find(result.fingerprint)).toBeUndefined();
      expect(await writer.results.commit(result, { replace: false })).toEqual(result);
      expect(reader.results.find(result.fingerprint)).toEqual(result);
    });

    test('are exclusive: of many commits at once one wins, and all hear which', async () => {
      await using under = await make();
      const winners = await Promise.all(
        Array.from({ length: 8 }, async (_, at) => {
          const store = await under.open();
          return store.results.commit(await resultOf(store, 'k', `output ${at}`), { replace: false });
        }),
      );
      const there = (await under.open()).results.find(winners[0]?.fingerprint ?? fingerprint(''));
      expect(winners).toEqual(winners.map(() => there));
    });

    test('stay: a later commit gives the one that is there, unless it is to replace it', async () => {
      await using under = await make();
      const store = await under.open();
      const first = await resultOf(store, 'k', 'first');
      const second = await resultOf(store, 'k', 'second');
      await store.results.commit(first, { replace: false });
      expect(await store.results.commit(second, { replace: false })).toEqual(first);
      expect(await store.results.commit(second, { replace: true })).toEqual(second);
      expect((await under.open()).results.find(first.fingerprint)).toEqual(second);
    });

    test.each(['output', 'file of a folder', 'report', 'log'])(
      'that lack a blob (%s) count as none, and are replaced',
      async (which) => {
        await using under = await make();
        const store = await under.open();
        const result = await resultOf(store, 'k', 'an output');
        await store.results.commit(result, { replace: false });
        await under.damage(digestOf(which === 'output' ? 'an output' : `an output: ${which}`), 'remove');
        expect((await under.open()).results.find(result.fingerprint)).toBeUndefined();
        const again = await resultOf(store, 'k', 'another output');
        expect(await store.results.commit(again, { replace: false })).toEqual(again);
        expect((await under.open()).results.find(result.fingerprint)).toEqual(again);
      },
    );

    test('that are torn count as none, and are replaced', async () => {
      await using under = await make();
      const store = await under.open();
      const result = await resultOf(store, 'k', 'an output');
      await under.tear(result);
      expect(store.results.find(result.fingerprint)).toBeUndefined();
      await store.results.commit(result, { replace: false });
      expect((await under.open()).results.find(result.fingerprint)).toEqual(result);
    });
  });
}

/** A result with one of each: a file, a folder, a report and a log. */
async function resultOf({ blobs }: Pick<Store, 'blobs'>, key: string, output: string): Promise<Result> {
  const file = { ...(await blobs.putDurably(`${output}: file of a folder`)), path: 'file' };
  const { digest } = await blobs.putDurably(treeText([file]));
  return {
    v: 1,
    fingerprint: fingerprint(digestOf(key)),
    outputs: {
      x: { ...(await blobs.putDurably(output)), kind: 'file' },
      folder: { digest, size: file.size, kind: 'directory' },
    },
    report: await blobs.putDurably(`${output}: report`),
    log: await blobs.putDurably(`${output}: log`),
    producer: { run: 'r', step: 's', at: 1, durationMs: 1, stockpot: '0' },
  };
}

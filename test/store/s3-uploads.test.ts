import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { collectGarbage } from '../../src/store/gc.ts';
import { RemoteRefused } from '../../src/store/remote/remote.ts';
import { LargeFile } from '../rigs/large-file.ts';
import { keyOf, UploadRig } from '../rigs/upload-rig.ts';

const MIB = 1 << 20;
/** Three parts: 16, 16 and 1 MiB. */
const SIZE = 33 * MIB;
const WHOLE = { isWhole: true, uploads: 0, records: 0 };
const DAY_MS = 86_400_000;

describe('an upload to S3 that broke off goes on after the parts that arrived', () => {
  test('and tells of them as of those that it sends', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    let told = 0;
    await rig.put(file, (count) => (told += count));
    expect(told).toBe(SIZE);
    expect(rig.sent()).toEqual([3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });

  test('however many answers it takes to list them', async () => {
    await using rig = await UploadRig.create(1);
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    await rig.put(file);
    expect(rig.sent()).toEqual([3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });

  test.each([
    ['has other bytes', { bytes: Buffer.alloc(16 * MIB), tag: '"another"' }],
    ['is shorter', { size: 5 }],
    ['has a tag that does not say what it is', { tag: '"of a bucket that encrypts"' }],
  ])('one that %s is sent again', async (_, change) => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    for (const { parts } of rig.server.uploads.values()) {
      const second = parts.get(2);
      if (second !== undefined) parts.set(2, { ...second, ...change });
    }
    await rig.put(file);
    expect(rig.sent()).toEqual([2, 3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });

  test('also after keys have lapsed', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    rig.server.fault = ({ method, query }) =>
      query.get('partNumber') === '3' || method === 'DELETE'
        ? { status: 400, code: 'ExpiredToken' }
        : undefined;
    await expect(rig.put(file)).rejects.toThrow(RemoteRefused);
    rig.sent();
    rig.server.fault = () => undefined;
    await rig.put(file);
    expect(rig.sent()).toEqual([3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });
});

describe('an upload to S3 begins anew', () => {
  test('where the bucket has ended it', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    rig.server.uploads.clear();
    await rig.put(file);
    expect(rig.sent()).toEqual([1, 2, 3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });

  test('where the key may not list parts, and what was there goes', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    rig.server.fault = ({ method }) => (method === 'GET' ? { status: 403, code: 'AccessDenied' } : undefined);
    await rig.put(file);
    expect(rig.sent()).toEqual([1, 2, 3]);
    expect(rig.outcome(file)).toEqual(WHOLE);
  });

  test('where what was remembered of it was cut as it was written', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    for (const path of rig.records()) writeFileSync(path, readFileSync(path).subarray(0, 20));
    await rig.put(file);
    expect(rig.sent()).toEqual([1, 2, 3]);
    expect(rig.records()).toEqual([]);
  });

  test('in each bucket', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(SIZE);
    await rig.breakOff(file);
    await rig.put(file, undefined, 'other');
    expect(rig.sent()).toEqual([1, 2, 3]);
    expect([rig.server.uploads.size, rig.records().length]).toEqual([1, 1]);
  });
});

test('bytes that are not what the digest says get no name after parts that were right', async () => {
  await using rig = await UploadRig.create();
  using file = new LargeFile(SIZE);
  await rig.breakOff(file);
  const bytes = readFileSync(file.path);
  bytes.fill(1, SIZE - 5);
  writeFileSync(file.path, bytes);
  await expect(rig.put(file)).rejects.toThrow('does not hold what its name says');
  expect([rig.server.objects.size, rig.server.uploads.size, rig.records()]).toEqual([0, 0, []]);
});

test('two that send one blob at once do so each for itself', async () => {
  await using rig = await UploadRig.create();
  using file = new LargeFile(17 * MIB);
  let second: Promise<void> | undefined;
  rig.server.fault = ({ query }) => {
    if (query.has('partNumber')) second ??= rig.put(file);
    return undefined;
  };
  await rig.put(file);
  await second;
  expect(rig.sent()).toEqual([1, 1, 2, 2]);
  expect(rig.outcome(file)).toEqual(WHOLE);
});

describe('an upload to S3 that nobody goes on with', () => {
  test('for a week is ended by the next one to its bucket', async () => {
    await using rig = await UploadRig.create();
    using old = new LargeFile(17 * MIB);
    using elsewhere = new LargeFile(18 * MIB);
    using young = new LargeFile(19 * MIB);
    using whole = new LargeFile(20 * MIB);
    await rig.breakOff(old);
    await rig.breakOff(elsewhere, 'other');
    rig.age(8 * DAY_MS);
    await rig.breakOff(young);
    await rig.put(whole);
    const left = Array.from(rig.server.uploads.values(), ({ path }) => path).toSorted();
    expect(left).toEqual([keyOf(young), keyOf(elsewhere, 'other')]);
    expect(rig.records().length).toBe(2);
  });

  test('is not ended while somebody does, however long that takes', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(17 * MIB);
    using other = new LargeFile(18 * MIB);
    let second: Promise<void> | undefined;
    rig.server.fault = ({ query }) => {
      if (query.has('partNumber') && second === undefined) {
        rig.age(8 * DAY_MS);
        second = rig.put(other);
      }
      return undefined;
    };
    await rig.put(file);
    await second;
    expect([...rig.server.objects.keys()].toSorted()).toEqual([keyOf(file), keyOf(other)].toSorted());
  });

  test('is remembered for a month, whatever gc does', async () => {
    await using rig = await UploadRig.create();
    using file = new LargeFile(17 * MIB);
    await rig.breakOff(file);
    const collect = (days: number): number => {
      const now = Date.now() + days * DAY_MS;
      collectGarbage(rig.machine.store, { maxBytes: Infinity, now, dryRun: false, kept: new Set() });
      return rig.records().length;
    };
    expect([collect(29), collect(31)]).toEqual([1, 0]);
  });
});

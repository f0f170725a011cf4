import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Failpoint, installFailpoint } from '../../src/core/failpoint.ts';
import { type Fingerprint, fingerprint } from '../../src/core/ids.ts';
import { FlightRecords } from '../../src/store/flight-records.ts';
import { collectGarbage, type GcOutcome } from '../../src/store/gc.ts';
import { digestOf } from '../../src/store/hash.ts';
import { OF_ALL } from '../../src/store/remote/flight-path.ts';
import type { Result } from '../../src/store/results.ts';
import { Store } from '../../src/store/store.ts';
import { treeText } from '../../src/store/trees.ts';

const [OLD, NEW] = ['a', 'b'].map((digit) => fingerprint(digit.repeat(64))) as [Fingerprint, Fingerprint];
const DAY_MS = 86_400_000;
const IN_FOLDER = 'in a folder';
const LIST = treeText([{ path: 'x', digest: digestOf(IN_FOLDER), size: IN_FOLDER.length }]);

/** A result whose output is a folder with one file. */
function resultOf(name: Fingerprint): Result {
  return {
    v: 1,
    fingerprint: name,
    outputs: { o: { digest: digestOf(LIST), size: LIST.length, kind: 'directory' } },
    producer: { run: 'r', step: 's', at: 1, durationMs: 1, stockpot: '0' },
  };
}

describe('gc beside somebody who publishes', () => {
  let dir: string;
  let store: Store;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    store = Store.open({ home: join(dir, 'home'), cache: join(dir, 'cache'), now: () => Date.now() });
    await publish(OLD);
  });
  afterEach(() => {
    installFailpoint(() => {});
    store[Symbol.dispose]();
    rmSync(dir, { recursive: true });
  });

  /** Keeps the blobs, which are there, and names them. */
  async function publish(name: Fingerprint): Promise<void> {
    for (const text of [IN_FOLDER, LIST]) await store.blobs.putDurably(text);
    await store.results.commit(resultOf(name), { replace: false });
  }

  /** All goes that nobody needs; `meanwhile` at the first time that it comes to a place. */
  function gc(at: Failpoint, meanwhile: () => void): GcOutcome {
    let isDone = false;
    installFailpoint((name) => {
      if (name !== at || isDone) return;
      isDone = true;
      meanwhile();
    });
    const outcome = collectGarbage(store, { maxBytes: 0, now: Date.now(), dryRun: false, kept: new Set() });
    expect(isDone).toBe(true);
    return outcome;
  }

  const places = ['gc.before-result', 'gc.before-blob', 'gc.after-blob'] as const;

  test.each(places)('what a result names that comes at %s stays, the files of its folders too', (at) => {
    // The publisher kept the blobs before gc began, and names them now.
    const outcome = gc(at, () => store.results.adopt(resultOf(NEW)));
    expect(store.results.find(OLD)).toBeUndefined();
    expect(store.results.find(NEW)).toEqual(resultOf(NEW));
    expect(store.blobs.read(digestOf(IN_FOLDER)).toString()).toBe(IN_FOLDER);
    expect(outcome).toMatchObject({ results: 1, blobs: 0, bytesAfter: outcome.bytesBefore });
  });

  test.each(places)('what is pinned at %s stays', (at) => {
    const pins = join(store.layout.roots, 'home');
    mkdirSync(pins, { recursive: true });
    gc(at, () => writeFileSync(join(pins, 'model'), `${digestOf(LIST)} directory\n`));
    expect(store.blobs.read(digestOf(IN_FOLDER)).toString()).toBe(IN_FOLDER);
  });

  test('what a checkpoint of a fleet is of stays, however old its blobs are, until nobody has saved one for a week', () => {
    const records = new FlightRecords(store.layout);
    const flight = { fingerprint: NEW, nonce: OF_ALL };
    records.write(flight, 'checkpoint-7', JSON.stringify({ start: 1, tree: digestOf(LIST) }));
    const collect = (now: number): GcOutcome =>
      collectGarbage(store, { maxBytes: 0, now, dryRun: false, kept: new Set() });
    const now = Date.now();
    expect(collect(now + 6 * DAY_MS)).toMatchObject({ results: 1, blobs: 0, flights: 0 });
    expect(store.blobs.read(digestOf(IN_FOLDER)).toString()).toBe(IN_FOLDER);
    expect(collect(now + 8 * DAY_MS)).toMatchObject({ blobs: 2, flights: 1, bytesAfter: 0 });
  });

  test.each(places)('what a checkpoint of a fleet is of that is saved at %s stays', (at) => {
    const record = JSON.stringify({ start: 1, tree: digestOf(LIST) });
    gc(
      at,
      () =>
        void new FlightRecords(store.layout).write(
          { fingerprint: NEW, nonce: OF_ALL },
          'checkpoint-1',
          record,
        ),
    );
    expect(store.blobs.read(digestOf(IN_FOLDER)).toString()).toBe(IN_FOLDER);
  });

  test('nothing of what goes is left behind', () => {
    expect(gc('gc.after-blob', () => {})).toMatchObject({ results: 1, blobs: 2, bytesAfter: 0 });
    expect(readdirSync(store.layout.tmp)).toEqual([]);
  });

  test('what is named stays where gc breaks off, and nothing is left behind', () => {
    const breakOff = (): void => {
      store.results.adopt(resultOf(NEW));
      throw new Error('EIO');
    };
    expect(() => gc('gc.after-blob', breakOff)).toThrow('EIO');
    expect(store.results.find(NEW)).toEqual(resultOf(NEW));
    expect(readdirSync(store.layout.tmp)).toEqual([]);
  });

  test('what another has removed meanwhile is none of its own', () => {
    const removeAll = (): void => {
      for (const text of [IN_FOLDER, LIST]) rmSync(store.blobs.path(digestOf(text)));
    };
    expect(gc('gc.before-blob', removeAll)).toMatchObject({ results: 1, blobs: 0 });
  });
});

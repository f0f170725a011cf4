import { mkdirSync, mkdtempDisposableSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Fingerprint, fingerprint } from '../../src/core/ids.ts';
import { FlightRecords } from '../../src/store/flight-records.ts';
import { type CacheLayout, cacheLayout } from '../../src/store/layout.ts';
import { removeOldFlights } from '../../src/store/old-flights.ts';

const [ONE, TWO] = ['1', '2'].map((digit) => fingerprint(digit.repeat(64))) as [Fingerprint, Fingerprint];
const [OLD, YOUNG] = ['0'.repeat(32), 'f'.repeat(32)];
const NOW = 1_700_000_000_000;
const WEEK_MS = 7 * 24 * 3_600_000;

class Cache implements Disposable {
  readonly #dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  readonly layout: CacheLayout = cacheLayout(this.#dir.path);
  readonly records = new FlightRecords(this.layout);

  /** A flight whose last record is of then. */
  flight(fingerprint: Fingerprint, nonce: string, at: number): void {
    for (const name of ['start-1', 'end-1']) this.records.write({ fingerprint, nonce }, name, 'x');
    utimesSync(join(this.layout.flights, fingerprint, nonce), at / 1000, at / 1000);
  }

  /** What lies there: flights by fingerprint. */
  left(): Record<string, string[]> {
    const { flights } = this.layout;
    return Object.fromEntries(readdirSync(flights).map((name) => [name, readdirSync(join(flights, name))]));
  }

  [Symbol.dispose](): void {
    this.#dir.remove();
  }
}

describe('flights of more than a week', () => {
  test('go, with the folder of their task if they were its last; a dry run only counts them', () => {
    using cache = new Cache();
    cache.flight(ONE, OLD, NOW - WEEK_MS - 1000);
    cache.flight(ONE, YOUNG, NOW - WEEK_MS);
    cache.flight(TWO, OLD, 0);
    const all = cache.left();
    expect(removeOldFlights(cache.layout, { now: NOW, dryRun: true })).toBe(2);
    expect(cache.left()).toEqual(all);
    expect(removeOldFlights(cache.layout, { now: NOW, dryRun: false })).toBe(2);
    expect(cache.left()).toEqual({ [ONE]: [YOUNG] });
    expect(readdirSync(cache.layout.tmp)).toEqual([]);
    expect(removeOldFlights(cache.layout, { now: NOW, dryRun: false })).toBe(0);
  });

  test('are old by their last record', () => {
    using cache = new Cache();
    cache.flight(ONE, OLD, 0);
    cache.records.write({ fingerprint: ONE, nonce: OLD }, 'start-2', 'x');
    expect(removeOldFlights(cache.layout, { now: Date.now(), dryRun: false })).toBe(0);
    expect(cache.left()).toEqual({ [ONE]: [OLD] });
  });

  test('are none where no fleet was, and what is no flight stays', () => {
    using cache = new Cache();
    expect(removeOldFlights(cache.layout, { now: NOW, dryRun: false })).toBe(0);
    for (const strange of ['notes', join(ONE, 'notes')])
      mkdirSync(join(cache.layout.flights, strange), { recursive: true });
    writeFileSync(join(cache.layout.flights, 'README'), 'x');
    for (const path of ['notes', 'README', join(ONE, 'notes')])
      utimesSync(join(cache.layout.flights, path), 0, 0);
    expect(removeOldFlights(cache.layout, { now: NOW, dryRun: false })).toBe(0);
    expect(readdirSync(cache.layout.flights).toSorted()).toEqual([ONE, 'README', 'notes']);
    expect(readdirSync(join(cache.layout.flights, ONE))).toEqual(['notes']);
  });
});

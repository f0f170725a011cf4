import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { pointOf } from '../../src/tracking/mlflow/arrange-points.ts';
import { GatheredPoints } from '../../src/tracking/mlflow/gathered-points.ts';
import { logBatch, logMetric } from '../../src/tracking/mlflow/log.ts';
import type { Metric } from '../../src/tracking/mlflow/messages.ts';
import { historyPage, pointsOf } from '../../src/tracking/mlflow/metric-history.ts';
import { moveRun } from '../../src/tracking/mlflow/runs.ts';
import { storedNumber } from '../../src/tracking/mlflow/stored-number.ts';
import { writeMetrics, writePoints } from '../../src/tracking/mlflow/write-metrics.ts';
import { log, newRun, type OpenStore, points, read } from './mlflow-store.ts';

export function describeHistory(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: the history of a metric`, () => {
    test('a history holds every number as it was written', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const key = 'a{b} c';
      const numbers = fc.uniqueArray(fc.double({ noDefaultInfinity: true }), {
        comparator: 'SameValueZero',
        maxLength: 50,
      });
      let step = 0;
      await fc.assert(
        fc.asyncProperty(numbers, async (values) => {
          const first = step;
          const written = values.map((value) => ({ key, value, timestamp: 1, step: step++ }));
          await database.write((sql) => writeMetrics(sql, 'r', written));
          const read = await wholeHistory(database, key);
          // A zero has no sign to keep.
          const unsigned = (one: Metric): Metric => ({ ...one, value: one.value + 0 });
          expect(read.slice(first).map(unsigned)).toEqual(written.map(unsigned));
        }),
        { numRuns: 20 },
      );
    });

    test('each point is there once, and the latest is the greatest, in whatever order they come', async () => {
      await using store = await open();
      const { database } = store;
      const point = fc.record({
        key: fc.constantFrom('a', 'b'),
        value: fc.constantFrom(0, 1, -1, Number.NaN, Number.MAX_VALUE),
        timestamp: fc.integer({ min: 0, max: 1 }),
        step: fc.integer({ min: 0, max: 2 }),
      });
      const batch = fc.record({
        points: fc.array(point, { minLength: 1, maxLength: 8 }),
        isImport: fc.boolean(),
      });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
          const run = `r${count++}`;
          await newRun(database, run);
          for (const { points, isImport } of batches)
            if (isImport)
              await database.write((sql) =>
                writePoints(
                  sql,
                  points.map((one) => pointOf(run, one)),
                ),
              );
            else
              await database.write(
                (sql) => logBatch(sql, run, { metrics: points, params: [], tags: [] }),
                'at-once',
              );
          const written = batches.flatMap(({ points }) => points);
          expect(await found(database, run, written)).toEqual(expected(written));
        }),
        { numRuns: 100 },
      );
    });

    test('so it is for points that come one by one, of which several are the latest', async () => {
      await using store = await open();
      const { database } = store;
      const point = fc.record({
        key: fc.constant('a'),
        value: fc.constantFrom(0, Number.NaN),
        timestamp: fc.constant(0),
        step: fc.integer({ min: 0, max: 1 }),
      });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(point, { minLength: 3, maxLength: 8 }), async (points) => {
          const run = `r${count++}`;
          await newRun(database, run);
          for (const one of points) await database.write((sql) => logMetric(sql, run, one), 'at-once');
          expect(await found(database, run, points)).toEqual(expected(points));
        }),
        { numRuns: 50 },
      );
    });

    test('points of many writers of a run are written together, and each learns what became of its own', async () => {
      await using store = await open();
      const { database } = store;
      for (const run of ['r', 'other']) await newRun(database, run);
      let writes = 0;
      const gathered = new GatheredPoints({
        dialect: database.dialect,
        read: (work) => database.read(work),
        write: (work, how) => {
          writes += 1;
          return database.write(work, how);
        },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      });
      const given = Array.from({ length: 1500 }, (_, step) => ({
        key: 'a',
        value: step,
        timestamp: 0,
        step,
      }));
      const logged = Promise.all(given.map((one) => gathered.log('r', one)));
      await Promise.all([
        logged,
        gathered.log('other', { key: 'a', value: 1, timestamp: 0, step: 0 }),
        expect(gathered.log('r', { key: 'a', value: 1, timestamp: -1, step: 0 })).rejects.toThrow(
          'timestamp',
        ),
        expect(gathered.log('none', { key: 'a', value: 1, timestamp: 0, step: 0 })).rejects.toThrow(
          'not found',
        ),
      ]);
      expect(await found(database, 'r', given)).toEqual(expected(given));
      // No batch has more than 1,000; one for each of the other runs.
      expect(writes).toBe(4);
      await database.write((sql) => moveRun(sql, 'r', 'deleted', 1));
      const refused = await Promise.allSettled(given.slice(0, 3).map((one) => gathered.log('r', one)));
      expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      await gathered.log('other', { key: 'a', value: 2, timestamp: 0, step: 1 });
    });

    test('a page that is full up to the latest point has a next one, and that has no more', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await log(database, 'r', points(['a', 1, 1], ['a', 2, 2], ['a', 3, 3]));
      const page = async (
        maxResults: number,
        pageToken?: string,
      ): Promise<[number[], string | undefined]> => {
        const found = await database.read((sql) => historyPage(sql, 'r', 'a', { maxResults, pageToken }));
        return [pointsOf(found.metrics).map(({ step }) => step), found.next_page_token];
      };
      const [first, token] = await page(2);
      expect([first, await page(2, token)]).toEqual([
        [1, 2],
        [[3], undefined],
      ]);
      expect(await page(3)).toEqual([[1, 2, 3], undefined]);
    });
  });
}

/** What a run has of the metrics of some points. */
async function found(database: Database, run: string, written: readonly Metric[]): Promise<Kept> {
  const { data } = await read(database, run);
  const rows = await database.read((sql) => sql.all('SELECT * FROM metrics WHERE run_uuid = ?', run));
  const histories = await Promise.all(
    keysOf(written).map(async (key) => {
      const history = await wholeHistory(database, key, run);
      return {
        key,
        points: history.map(text).toSorted(),
        isInOrder: history.every((one, index) => index === 0 || compare(history[index - 1] ?? one, one) <= 0),
        last: history.at(-1),
        ofRun: data.metrics.find((one) => one.key === key),
      };
    }),
  );
  return { rows: rows.length, histories };
}

/** Each point once, in order; the latest is the run's: of 0 and what is no number, stored as 0, what was written last. */
function expected(written: readonly Metric[]): Kept {
  const histories = keysOf(written).map((key) => {
    const own = written.filter((one) => one.key === key);
    const last = own.reduce((latest, one) => (compare(one, latest) >= 0 ? one : latest));
    return { key, points: [...new Set(own.map(text))].toSorted(), isInOrder: true, last, ofRun: last };
  });
  return { rows: new Set(written.map(text)).size, histories };
}

interface Kept {
  readonly rows: number;
  readonly histories: readonly {
    readonly key: string;
    readonly points: readonly string[];
    readonly isInOrder: boolean;
    readonly last: Metric | undefined;
    readonly ofRun: Metric | undefined;
  }[];
}

function keysOf(points: readonly Metric[]): string[] {
  return [...new Set(points.map(({ key }) => key))].toSorted();
}

async function wholeHistory(database: Database, key: string, run = 'r'): Promise<Metric[]> {
  const points: Metric[] = [];
  let pageToken: string | undefined;
  do {
    const page = await database.read((sql) => historyPage(sql, run, key, { maxResults: 7, pageToken }));
    points.push(...pointsOf(page.metrics));
    pageToken = page.next_page_token;
  } while (pageToken !== undefined);
  return points;
}

function text({ key, value, step, timestamp }: Metric): string {
  return JSON.stringify([key, String(value), step, timestamp]);
}

/** By step, time and value as it is stored. */
function compare(a: Metric, b: Metric): number {
  const value = ({ value }: Metric): number => storedNumber(value)[0];
  return a.step - b.step || a.timestamp - b.timestamp || Math.sign(value(a) - value(b));
}

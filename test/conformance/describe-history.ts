import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointOf } from '../../src/tracking/mlflow/arrange-points.ts';
import { logBatch, logMetric } from '../../src/tracking/mlflow/log.ts';
import type { Metric } from '../../src/tracking/mlflow/messages.ts';
import { historyPage, pointsOf } from '../../src/tracking/mlflow/metric-history.ts';
import { writeMetrics, writePoints } from '../../src/tracking/mlflow/write-metrics.ts';
import { expected, found, wholeHistory } from './kept-points.ts';
import { log, newRun, type OpenStore, points } from './mlflow-store.ts';

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

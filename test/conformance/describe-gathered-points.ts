import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { GatheredPoints } from '../../src/tracking/mlflow/gathered-points.ts';
import { moveRun } from '../../src/tracking/mlflow/runs.ts';
import { expected, found } from './kept-points.ts';
import { newRun, type OpenStore } from './mlflow-store.ts';

export function describeGatheredPoints(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: points that come one at a time`, () => {
    test('are written together, of one run or of several, and each learns what became of its own', async () => {
      await using store = await open();
      const { database } = store;
      for (const run of ['r', 'other', 'deleted']) await newRun(database, run);
      await database.write((sql) => moveRun(sql, 'deleted', 'deleted', 1));
      const counted = countingWrites(database);
      const gathered = new GatheredPoints(counted);
      const given = Array.from({ length: 1500 }, (_, step) => ({
        key: 'a',
        value: step,
        timestamp: 0,
        step,
      }));
      const one = { key: 'a', value: 1, timestamp: 0, step: 0 };
      await Promise.all([
        ...given.map((each) => gathered.log('r', each)),
        gathered.log('other', one),
        expect(gathered.log('r', { ...one, timestamp: -1 })).rejects.toThrow('timestamp'),
        expect(gathered.log('no run', one)).rejects.toThrow('Run with id=no run not found'),
        expect(gathered.log('none', one)).rejects.toThrow('Run with id=none not found'),
        expect(gathered.log('deleted', one)).rejects.toThrow(
          "The run deleted must be in the 'active' state. Current state is deleted.",
        ),
      ]);
      expect(await found(database, 'r', given)).toEqual(expected(given));
      expect(await found(database, 'other', [one])).toEqual(expected([one]));
      expect(await found(database, 'deleted', [one])).toMatchObject({ rows: 0 });
      // The first at once, then a thousand, then the rest.
      expect(counted.writes).toBe(3);
    });

    test('are there once each, and the latest is the greatest, whatever runs they are of', async () => {
      await using store = await open();
      const { database } = store;
      const metric = fc.record({
        key: fc.constantFrom('k', 'l'),
        value: fc.constantFrom(0, 1, Number.NaN),
        timestamp: fc.integer({ min: 0, max: 1 }),
        step: fc.integer({ min: 0, max: 2 }),
      });
      const point = fc.record({ run: fc.constantFrom('a', 'b', 'c'), metric });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(point, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
          async (bursts) => {
            count += 1;
            const nameOf = (run: string): string => `${run}${count}`;
            for (const run of ['a', 'b', 'c']) await newRun(database, nameOf(run));
            const gathered = new GatheredPoints(database);
            for (const burst of bursts)
              await Promise.all(burst.map((one) => gathered.log(nameOf(one.run), one.metric)));
            for (const run of ['a', 'b', 'c']) {
              const metrics = bursts.flat().flatMap((one) => (one.run === run ? [one.metric] : []));
              expect(await found(database, nameOf(run), metrics)).toEqual(expected(metrics));
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}

interface CountingDatabase extends Database {
  readonly writes: number;
}

function countingWrites(database: Database): CountingDatabase {
  let writes = 0;
  return {
    dialect: database.dialect,
    get writes() {
      return writes;
    },
    read: (work) => database.read(work),
    write: (work, how) => {
      writes += 1;
      return database.write(work, how);
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

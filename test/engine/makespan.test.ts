import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestWays, makespanMs, type TimedWork } from '../../src/engine/makespan.ts';

/** Work in the order of a plan: what is needed stands before. */
const works = fc
  .array(fc.record({ durationMs: fc.nat(1000), links: fc.array(fc.nat(50), { maxLength: 4 }) }), {
    maxLength: 40,
  })
  .map((drafts) =>
    drafts.map(
      ({ durationMs, links }, index): TimedWork => ({
        durationMs,
        needs: index === 0 ? [] : [...new Set(links.map((link) => link % index))],
      }),
    ),
  );

function longestWay(work: readonly TimedWork[]): number {
  const dependents = work.map((_, index) =>
    [...work.keys()].filter((next) => work[next]?.needs.includes(index)),
  );
  return Math.max(0, ...longestWays(work, dependents));
}

const total = (work: readonly TimedWork[]): number =>
  work.reduce((sum, { durationMs }) => sum + durationMs, 0);

test('a run takes no less than its longest way and its share of a lane, and no more than all in a row', () => {
  fc.assert(
    fc.property(works, fc.integer({ min: 1, max: 8 }), (work, lanes) => {
      const ms = makespanMs(work, lanes);
      expect(ms).toBeGreaterThanOrEqual(Math.max(longestWay(work), total(work) / lanes) - 1e-9);
      expect(ms).toBeLessThanOrEqual(total(work));
      // Graham's bound for list scheduling.
      expect(ms).toBeLessThanOrEqual(total(work) / lanes + longestWay(work) + 1e-9);
    }),
  );
});

test('one lane takes the sum, lanes enough the longest way', () => {
  fc.assert(
    fc.property(works, (work) => {
      expect(makespanMs(work, 1)).toBe(total(work));
      expect(makespanMs(work, 100)).toBe(longestWay(work));
    }),
  );
});

test('what has most behind it goes first', () => {
  const work = [
    { durationMs: 10, needs: [] },
    { durationMs: 10, needs: [] },
    { durationMs: 1, needs: [] },
    { durationMs: 20, needs: [2] },
  ];
  expect(makespanMs(work, 2)).toBe(21);
});

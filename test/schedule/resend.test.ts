import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextAttempt } from '../../src/schedule/resend.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe('what could not be told is told again', () => {
  test.each([
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [10, 512_000],
    [11, 15 * MINUTE],
    [5000, 15 * MINUTE],
  ])('after attempt %i, in %i ms', (attempts, wait) => {
    expect(nextAttempt({ createdAt: 0, now: 5, attempts, random: 0 })).toBe(5 + wait);
  });

  test('for a day, and then no more', () => {
    expect(nextAttempt({ createdAt: 7, now: 6 + DAY, attempts: 99, random: 0 })).toBeGreaterThan(DAY);
    expect(nextAttempt({ createdAt: 7, now: 7 + DAY, attempts: 99, random: 0 })).toBeUndefined();
  });

  test('by those that failed together at moments of their own, never at once and never after more than a quarter of an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, random) => {
          const due = nextAttempt({ createdAt: 0, now: 0, attempts, random }) ?? -1;
          expect(due).toBeGreaterThanOrEqual(1000);
          expect(due).toBeLessThanOrEqual(15 * MINUTE);
        },
      ),
    );
    const [early, late] = [0.1, 0.9].map((random) =>
      nextAttempt({ createdAt: 0, now: 0, attempts: 1, random }),
    );
    expect(early).not.toBe(late);
  });
});

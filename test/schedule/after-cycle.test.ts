import { describe, expect, test } from 'vitest';
import { afterCycle } from '../../src/schedule/after-cycle.ts';

const others = (...pairs: [string, string][]): { recipe: string; after: string }[] =>
  pairs.map(([recipe, after]) => ({ recipe, after }));

describe('a schedule that would start itself', () => {
  test.each([
    { next: ['a', 'a'], known: [], path: ['a', 'a'] },
    { next: ['a', 'b'], known: [], path: undefined },
    { next: ['a', 'b'], known: [['b', 'a']], path: ['a', 'b', 'a'] },
    {
      next: ['a', 'b'],
      known: [
        ['b', 'c'],
        ['c', 'a'],
      ],
      path: ['a', 'b', 'c', 'a'],
    },
    // Two schedules of one recipe: the shorter way is shown.
    {
      next: ['a', 'b'],
      known: [
        ['b', 'c'],
        ['c', 'a'],
        ['b', 'a'],
      ],
      path: ['a', 'b', 'a'],
    },
    // A fork that joins again is no cycle.
    {
      next: ['d', 'b'],
      known: [
        ['d', 'c'],
        ['b', 'a'],
        ['c', 'a'],
      ],
      path: undefined,
    },
    // Nor is a cycle that it only follows: that one was refused when it would have closed.
    {
      next: ['d', 'b'],
      known: [
        ['b', 'c'],
        ['c', 'b'],
      ],
      path: undefined,
    },
  ] as { next: [string, string]; known: [string, string][]; path: string[] | undefined }[])(
    '$next among $known: $path',
    ({ next: [recipe, after], known, path }) => {
      expect(afterCycle({ recipe, after }, others(...known))).toEqual(path);
    },
  );
});

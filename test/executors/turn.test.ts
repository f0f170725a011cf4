import { describe, expect, test } from 'vitest';
import type { Priority } from '../../src/core/priority.ts';
import { turnOf } from '../../src/executors/fleet/turn.ts';

const T0 = Date.UTC(2026, 10, 27);
const HOUR = 3_600_000;

type Task = readonly [priority: Priority, hours: number];

function isBefore([first, at]: Task, [second, later]: Task): boolean {
  return turnOf(first, T0 + at * HOUR) < turnOf(second, T0 + later * HOUR);
}

describe('the turn of a task', () => {
  test.each<[Task, Task]>([
    [
      ['high', 0],
      ['normal', 0],
    ],
    [
      ['normal', 0],
      ['low', 0],
    ],
    [
      ['high', 0.8],
      ['normal', 0],
    ],
    [
      ['normal', 2.8],
      ['low', 0],
    ],
    [
      ['high', 3.8],
      ['low', 0],
    ],
    // However many of a higher priority come, those that have waited go first.
    [
      ['normal', 0],
      ['high', 1.2],
    ],
    [
      ['low', 0],
      ['normal', 3.2],
    ],
    [
      ['low', 0],
      ['high', 4.2],
    ],
    [
      ['low', 0],
      ['low', 1],
    ],
  ])('%j comes before that of %j', (first, second) => {
    expect(isBefore(first, second)).toBe(true);
    expect(isBefore(second, first)).toBe(false);
  });

  test('is a number that the queue takes, whatever the clock shows', () => {
    expect(turnOf('high', 0)).toBe(1);
    expect(turnOf('low', Date.UTC(2100, 0, 1))).toBe(2 ** 21 - 1);
  });
});

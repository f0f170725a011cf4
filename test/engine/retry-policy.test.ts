import { expect, test } from 'vitest';
import type { PlanStep } from '../../src/core/plan.ts';
import { retryDelayMs } from '../../src/engine/retry-policy.ts';

function delay(backoffMs: number, attempt: number): number | undefined {
  const retry = { maxAttempts: 1000, backoffMs, on: ['infra'] };
  return retryDelayMs({ retry } as unknown as PlanStep, { reason: 'infra', detail: '' }, attempt);
}

test('waits double up to an hour, and a longer first wait stays', () => {
  expect([1, 2, 3].map((attempt) => delay(10_000, attempt))).toEqual([10_000, 20_000, 40_000]);
  expect(delay(10_000, 900)).toBe(3_600_000);
  expect(delay(7_200_000, 5)).toBe(7_200_000);
});

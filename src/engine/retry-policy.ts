import type { Failure } from '../core/failure.ts';
import type { PlanStep } from '../core/plan.ts';

/** Doubling goes up to an hour; a first wait that is longer stays as it is. */
const MAX_DELAY_MS = 3_600_000;

/** How long to wait before the next attempt; undefined if there is none. */
export function retryDelayMs({ retry }: PlanStep, failure: Failure, attempt: number): number | undefined {
  // Inputs that moved under a step are looked at once more, whatever `retry` says.
  if (failure.reason === 'inputs-changed') return attempt === 1 ? 0 : undefined;
  const may = attempt < retry.maxAttempts && retry.on.includes(failure.reason);
  return may
    ? Math.min(retry.backoffMs * 2 ** (attempt - 1), Math.max(retry.backoffMs, MAX_DELAY_MS))
    : undefined;
}

import type { RunCounts, RunOutcome } from '../core/events.ts';

/** What became of the steps of a run so far. */
export class RunTally {
  readonly #counts = { cached: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 };
  #savedMs = 0;
  #effectFailed = false;

  get counts(): RunCounts {
    return { ...this.#counts };
  }

  get savedMs(): number {
    return this.#savedMs;
  }

  count(kind: keyof RunCounts): void {
    this.#counts[kind] += 1;
  }

  cached(savedMs: number): void {
    this.count('cached');
    this.#savedMs += savedMs;
  }

  effectFailed(): void {
    this.#effectFailed = true;
  }

  outcome(wasInterrupted: boolean): RunOutcome {
    if (wasInterrupted) return 'cancelled';
    return this.#counts.failed > 0 || this.#effectFailed ? 'failed' : 'succeeded';
  }
}

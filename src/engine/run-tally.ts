import type { RunCounts, RunFinished, RunOutcome, Unstamped } from '../core/events.ts';

/** What became of the steps of a run so far. */
export class RunTally {
  readonly #counts = { cached: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 };
  #savedMs = 0;
  #effectFailed = false;

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

  /** The last event of the run. */
  finished(wasInterrupted: boolean, durationMs: number): Unstamped<RunFinished> {
    return {
      type: 'run.finished',
      outcome: this.#outcome(wasInterrupted),
      durationMs,
      counts: { ...this.#counts },
      savedMs: this.#savedMs,
    };
  }

  #outcome(wasInterrupted: boolean): RunOutcome {
    if (wasInterrupted) return 'cancelled';
    return this.#counts.failed > 0 || this.#effectFailed ? 'failed' : 'succeeded';
  }
}

/** What the engine may not reach for by itself. The file system is not here: tests use a real one. */
export interface World {
  readonly clock: Clock;
  /** Never the process's own: a run sees only what its caller chose to pass. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A new run id, sortable by time. */
  readonly newRunId: () => string;
}

export interface Clock {
  /** Milliseconds since the Unix epoch: for what is written down. */
  now(): number;
  /** Milliseconds from some fixed point, never going back: for durations. */
  monotonic(): number;
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

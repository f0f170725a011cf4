import type { Clock } from '../../core/world.ts';

/** How long a task has been waiting for a worker to begin it, and how long it still may. */
export class QueueWait {
  /** Infinity for no end. */
  readonly limitMs: number;
  readonly #clock: Clock;
  /** On the monotonic clock; undefined while a worker has it. */
  #since: number | undefined;

  constructor(clock: Clock, limitMs = Infinity) {
    this.limitMs = limitMs;
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** No worker has it. @param waitedMs as far as a driver before this one knew */
  wait(waitedMs: number): void {
    this.#since = Math.min(this.#since ?? Infinity, this.#clock.monotonic() - waitedMs);
  }

  /** A worker has it. Should that die, the wait begins anew. */
  stop(): void {
    this.#since = undefined;
  }

  get waitedMs(): number {
    return this.#since === undefined ? 0 : this.#clock.monotonic() - this.#since;
  }

  /** Infinity while a worker has it. */
  get leftMs(): number {
    return this.#since === undefined ? Infinity : this.limitMs - this.waitedMs;
  }

  get isOver(): boolean {
    return this.leftMs <= 0;
  }
}

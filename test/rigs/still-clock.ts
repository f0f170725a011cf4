import type { Clock } from '../../src/core/world.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that goes on only when it is told to. */
export class StillClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { until: this.#now + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    return promise.finally(() => this.#sleepers.delete(sleeper));
  }

  /** Lets milliseconds go by as soon as somebody sleeps, and wakes who slept for so long. */
  async pass(ms: number): Promise<void> {
    while (this.#sleepers.size === 0) await new Promise((resolve) => setImmediate(resolve));
    this.#now += ms;
    for (const { until, wake } of this.#sleepers) if (until <= this.#now) wake();
  }
}

import type { Fingerprint } from '../core/ids.ts';
import type { SingleFlight } from './single-flight.ts';

/**
 * Keeps attempts that share a home from using the checkpoint of a task at once, whichever runs and workers they are
 * of: what a driver takes of a task is not enough, as it may only wait for a worker beside it.
 */
export class CheckpointTurns {
  readonly #flights: SingleFlight;
  readonly #own = new Set<Fingerprint>();

  constructor(flights: SingleFlight) {
    this.#flights = flights;
  }

  /** The turn, which ends when it is disposed of; or who has it, in words. */
  take(fingerprint: Fingerprint): Disposable | string {
    const key = `checkpoint ${fingerprint}` as Fingerprint;
    if (this.#own.has(fingerprint)) return 'the checkpoint of the task, which another step here uses';
    const other = this.#flights.take(key);
    if (other !== undefined)
      return `the checkpoint of the task, which ${other.run} (pid ${other.holder.pid}) uses`;
    this.#own.add(fingerprint);
    return {
      [Symbol.dispose]: () => {
        this.#own.delete(fingerprint);
        this.#flights.release(key);
      },
    };
  }
}

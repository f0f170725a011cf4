import { every } from '../../core/every.ts';
import type { Clock } from '../../core/world.ts';

/** Where a worker says what it runs: what is not said again lapses after one lock duration. */
export interface RunningKeys {
  /** False: another worker says that it runs it. */
  claim(job: string): Promise<boolean>;
  /** Another's is left alone. What cannot be released lapses. */
  release(job: string): Promise<void>;
  /** What cannot be said is said again in a moment. */
  renew(jobs: Iterable<string>): void;
}

/**
 * Says what a worker runs: a key for each, which lapses after one lock duration and is renewed each third of
 * it. It tells a message that came twice from one whose worker died, where BullMQ's own lock cannot: after
 * Redis was away.
 */
export class Announcements implements Disposable {
  readonly #keys: RunningKeys;
  readonly #jobs = new Set<string>();
  readonly #renewing: Disposable;

  constructor(keys: RunningKeys, { clock, lockMs }: { clock: Clock; lockMs: number }) {
    this.#keys = keys;
    this.#renewing = every(clock, lockMs / 3, () => this.renew());
  }

  /** False: another worker says that it runs it, or this one does. */
  async take(job: string): Promise<boolean> {
    if (this.#jobs.has(job) || !(await this.#keys.claim(job))) return false;
    this.#jobs.add(job);
    return true;
  }

  async release(job: string): Promise<void> {
    this.#jobs.delete(job);
    await this.#keys.release(job);
  }

  /** To be called first thing after an outage, too. */
  renew(): void {
    if (this.#jobs.size > 0) this.#keys.renew(this.#jobs);
  }

  [Symbol.dispose](): void {
    this.#renewing[Symbol.dispose]();
  }
}

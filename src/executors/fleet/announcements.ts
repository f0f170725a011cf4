import type { Redis } from 'ioredis';
import { every } from '../../core/every.ts';
import type { Clock } from '../../core/world.ts';
import type { Keys } from './names.ts';

/**
 * Says what a worker runs: a key for each, which lapses after one lock duration and is renewed each third of
 * it. It tells a message that came twice from one whose worker died, where BullMQ's own lock cannot: after
 * Redis was away.
 */
export class Announcements implements Disposable {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #worker: string;
  readonly #lockMs: number;
  readonly #jobs = new Set<string>();
  readonly #renewing: Disposable;
  readonly #onReady = (): void => this.#renew();

  constructor(redis: Redis, keys: Keys, worker: string, { clock, lockMs }: { clock: Clock; lockMs: number }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#worker = worker;
    this.#lockMs = lockMs;
    this.#renewing = every(clock, lockMs / 3, () => this.#renew());
    // First thing after an outage.
    redis.on('ready', this.#onReady);
  }

  /** False: another worker says that it runs it, or this one does. */
  async take(job: string): Promise<boolean> {
    if (this.#jobs.has(job)) return false;
    const taken = await this.#redis.set(this.#keys.running(job), this.#worker, 'PX', this.#lockMs, 'NX');
    if (taken === null) return false;
    this.#jobs.add(job);
    return true;
  }

  async release(job: string): Promise<void> {
    this.#jobs.delete(job);
    // Another's is left alone. What cannot be released lapses.
    await this.#redis.eval(RELEASE, 1, this.#keys.running(job), this.#worker).catch(() => {});
  }

  #renew(): void {
    if (this.#redis.status !== 'ready' || this.#jobs.size === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const job of this.#jobs) pipeline.set(this.#keys.running(job), this.#worker, 'PX', this.#lockMs);
    pipeline.exec().catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#renewing[Symbol.dispose]();
    this.#redis.off('ready', this.#onReady);
  }
}

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

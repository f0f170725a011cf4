import type { Redis } from 'ioredis';
import type { RunningKeys } from './announcements.ts';
import type { Keys } from './names.ts';

/** What a worker says that it runs, as keys of Redis that lapse. */
export class RedisRunningKeys implements RunningKeys {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #worker: string;
  readonly #lockMs: number;

  constructor(redis: Redis, keys: Keys, worker: string, lockMs: number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#worker = worker;
    this.#lockMs = lockMs;
  }

  async claim(job: string): Promise<boolean> {
    const taken = await this.#redis.set(this.#keys.running(job), this.#worker, 'PX', this.#lockMs, 'NX');
    return taken !== null;
  }

  async release(job: string): Promise<void> {
    await this.#redis.eval(RELEASE, 1, this.#keys.running(job), this.#worker).catch(() => {});
  }

  renew(jobs: Iterable<string>): void {
    if (this.#redis.status !== 'ready') return;
    const pipeline = this.#redis.pipeline();
    for (const job of jobs) pipeline.set(this.#keys.running(job), this.#worker, 'PX', this.#lockMs);
    pipeline.exec().catch(() => {});
  }
}

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

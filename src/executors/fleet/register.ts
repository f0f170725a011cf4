import type { Redis } from 'ioredis';

/** What has not been said again for so long holds no longer. */
const GONE_MS = 15_000;

/** What processes of a fleet say of themselves again and again, under ids, for whoever wants to know. */
export class Register<State> {
  readonly #redis: Redis;
  readonly #key: string;

  /** @param key of the set of ids; what is said stands under it and the id */
  constructor(redis: Redis, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  async say(id: string, state: State): Promise<void> {
    // In this order: an id without a state is forgotten by whoever reads it.
    await Promise.all([
      this.#redis.set(this.#keyOf(id), JSON.stringify(state), 'PX', GONE_MS),
      this.#redis.sadd(this.#key, id),
    ]);
  }

  async withdraw(id: string): Promise<void> {
    await Promise.all([this.#redis.del(this.#keyOf(id)), this.#redis.srem(this.#key, id)]);
  }

  /** What holds, by id; the rest is forgotten. */
  async read(): Promise<readonly State[]> {
    const ids = (await this.#redis.smembers(this.#key)).toSorted();
    if (ids.length === 0) return [];
    const texts = await this.#redis.mget(ids.map((id) => this.#keyOf(id)));
    const gone = ids.filter((_, index) => texts[index] === null);
    // A replica, or a user that may only read, leaves that to others.
    if (gone.length > 0) await this.#redis.srem(this.#key, ...gone).catch(() => {});
    return texts.flatMap((text) => (typeof text === 'string' ? [JSON.parse(text) as State] : []));
  }

  #keyOf(id: string): string {
    return `${this.#key}:${id}`;
  }
}

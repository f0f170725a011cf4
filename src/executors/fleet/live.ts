import type { Redis } from 'ioredis';
import type { ReportEntry } from '../../core/events.ts';
import type { Clock } from '../../core/world.ts';

/** What a flight says while it goes on. It is for eyes: the whole log and report are blobs of the result. */
export type LiveEntry =
  | { readonly type: 'started'; readonly worker: string; readonly nth: number }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'report'; readonly entry: ReportEntry }
  | { readonly type: 'exited' }
  /** Why no worker has begun. */
  | { readonly type: 'waiting'; readonly holder: string }
  /** What an attempt gave waits for the store, which does not take it. */
  | { readonly type: 'unsettled'; readonly holder: string }
  /** The store has the result, or how it failed. */
  | { readonly type: 'ended'; readonly worker: string; readonly nonDeterministic?: readonly string[] };

const FLUSH_MS = 40;
const MOST_ENTRIES = 10_000;
/** Text that waits to be sent, in characters: what comes faster is left out of the live view. */
const MOST_WAITING = 4 << 20;
const KEEP_S = 86_400;

/** The writing end, on a worker. What cannot be sent is dropped. */
export class LiveWriter {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #clock: Clock;
  #waiting: string[] = [];
  #size = 0;
  #isTimed = false;
  #sending: Promise<unknown> = Promise.resolve();

  constructor(redis: Redis, key: string, clock: Clock) {
    this.#clock = clock;
    this.#redis = redis;
    this.#key = key;
  }

  push(entry: LiveEntry): void {
    const text = JSON.stringify(entry);
    if (this.#size + text.length > MOST_WAITING && entry.type === 'output') return;
    this.#waiting.push(text);
    this.#size += text.length;
    if (this.#isTimed) return;
    this.#isTimed = true;
    void this.#clock.sleep(FLUSH_MS).then(() => {
      this.#isTimed = false;
      return this.flush();
    });
  }

  /** Resolves when all that was pushed is sent, or could not be. */
  async flush(): Promise<void> {
    const entries = this.#waiting;
    [this.#waiting, this.#size] = [[], 0];
    if (entries.length > 0) this.#sending = this.#sending.then(() => this.#send(entries));
    await this.#sending;
  }

  async #send(entries: readonly string[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const text of entries) pipeline.xadd(this.#key, 'MAXLEN', '~', MOST_ENTRIES, '*', 'e', text);
    pipeline.expire(this.#key, KEEP_S);
    // Redis is away: the step goes on, and the whole log is kept with its result.
    await pipeline.exec().catch(() => {});
  }
}

type OnEntry = (entry: LiveEntry) => void;

interface Followed {
  lastId: string;
  readonly onEntry: OnEntry;
}

const BLOCK_MS = 5000;

/** The reading end, of all flights that one driver follows: one connection that waits for what comes. */
export class LiveReader {
  readonly #blocking: Redis;
  readonly #redis: Redis;
  readonly #wakeKey: string;
  readonly #followed = new Map<string, Followed>();
  #wakeId = '0';
  #isOpen = true;
  #loop: Promise<void> | undefined;

  /** @param blocking is this reader's alone */
  constructor(blocking: Redis, redis: Redis, wakeKey: string) {
    this.#blocking = blocking;
    this.#redis = redis;
    this.#wakeKey = wakeKey;
  }

  /** Gives all that was and is said under a key, in order. */
  follow(key: string, onEntry: OnEntry): { readonly stop: () => void } {
    this.#followed.set(key, { lastId: '0', onEntry });
    this.#loop ??= this.#read();
    this.#wake();
    return { stop: () => void this.#followed.delete(key) };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#blocking.disconnect();
    await this.#loop;
    await this.#redis.del(this.#wakeKey).catch(() => {});
  }

  /** What is followed anew is asked for at once. */
  #wake(): void {
    this.#redis
      .multi()
      .xadd(this.#wakeKey, 'MAXLEN', 1, '*', 'w', '')
      .expire(this.#wakeKey, KEEP_S)
      .exec()
      .catch(() => {});
  }

  async #read(): Promise<void> {
    while (this.#isOpen) {
      const keys = [this.#wakeKey, ...this.#followed.keys()];
      const ids = [this.#wakeId, ...[...this.#followed.values()].map(({ lastId }) => lastId)];
      try {
        const found = await this.#blocking.xread('BLOCK', BLOCK_MS, 'STREAMS', ...keys, ...ids);
        for (const [key, entries] of found ?? []) this.#take(key, entries);
      } catch {
        // The connection is lost, and comes back by itself.
        if (this.#isOpen) await reconnected(this.#blocking);
      }
    }
  }

  #take(key: string, entries: readonly [id: string, fields: string[]][]): void {
    const last = entries.at(-1)?.[0];
    if (last === undefined) return;
    if (key === this.#wakeKey) {
      this.#wakeId = last;
      return;
    }
    const followed = this.#followed.get(key);
    if (followed === undefined) return;
    followed.lastId = last;
    for (const [, [, text = '']] of entries) followed.onEntry(JSON.parse(text) as LiveEntry);
  }
}

/** Resolves when a connection stands again, or is given up. */
async function reconnected(redis: Redis): Promise<void> {
  if (redis.status === 'ready' || redis.status === 'end') return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      redis.off('ready', done).off('end', done);
      resolve();
    };
    redis.on('ready', done).on('end', done);
  });
}

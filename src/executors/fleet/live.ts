import type { Redis } from 'ioredis';
import type { ReportEntry } from '../../core/events.ts';
import type { Digest } from '../../core/ids.ts';
import type { Clock } from '../../core/world.ts';

/** What a flight says while it goes on. It is for eyes: the whole log and report are blobs of the result. */
export type LiveEntry =
  | { readonly type: 'started'; readonly worker: string; readonly nth: number }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'report'; readonly entry: ReportEntry }
  | { readonly type: 'exited' }
  /** Why no worker has begun. */
  | { readonly type: 'waiting'; readonly holder: string }
  /** What says what is to be done is not in the store: who waits for it may have it. */
  | { readonly type: 'lost'; readonly parcel: Digest }
  /** What an attempt gave waits for the store, which does not take it. */
  | { readonly type: 'unsettled'; readonly holder: string }
  /** The store has the result, or how it failed. */
  | { readonly type: 'ended'; readonly worker: string; readonly nonDeterministic?: readonly string[] };

const FLUSH_MS = 40;
const MOST_ENTRIES = 10_000;
/** Text that waits to be sent, in characters: what comes faster is left out of the live view. */
const MOST_WAITING = 4 << 20;
const KEEP_S = 86_400;
/** Whoever comes later finds the end in the store. */
const ENDED_S = 60;
/** Characters of one entry of the stream, unless a single text is longer. */
const GROUP = 16_384;

/** The writing end, on a worker. What cannot be sent is dropped. */
export class LiveWriter {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #isPrompt: boolean;
  #waiting: string[] = [];
  #size = 0;
  #isTimed = false;
  #keepS = KEEP_S;
  #sending: Promise<unknown> = Promise.resolve();

  /** @param isPrompt that a worker has begun is not gathered with what it says next */
  constructor(redis: Redis, key: string, { clock, isPrompt }: { clock: Clock; isPrompt: boolean }) {
    this.#clock = clock;
    this.#isPrompt = isPrompt;
    this.#redis = redis;
    this.#key = key;
  }

  push(entry: LiveEntry): void {
    const text = JSON.stringify(entry);
    this.#keepS = entry.type === 'ended' ? ENDED_S : KEEP_S;
    if (this.#size + text.length > MOST_WAITING && entry.type === 'output') return;
    this.#waiting.push(text);
    this.#size += text.length;
    if (entry.type === 'started' && this.#isPrompt) void this.flush();
    if (this.#isTimed || this.#waiting.length === 0) return;
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
    const sent = inGroups(entries).map((group) =>
      this.#redis.xadd(this.#key, 'MAXLEN', '~', MOST_ENTRIES, '*', ...group.flatMap((text) => ['e', text])),
    );
    // Redis is away: the step goes on, and the whole log is kept with its result.
    await Promise.all([...sent, this.#redis.expire(this.#key, this.#keepS)]).catch(() => {});
  }
}

/** Short texts together: one entry of a stream costs Redis and its readers what many do. */
function inGroups(texts: readonly string[]): string[][] {
  const groups: string[][] = [];
  let room = -1;
  for (const text of texts) {
    if (text.length > room) {
      groups.push([]);
      room = GROUP;
    }
    groups.at(-1)?.push(text);
    room -= text.length;
  }
  return groups;
}

type OnEntry = (entry: LiveEntry) => void;

interface Followed {
  lastId: string;
  readonly onEntry: OnEntry;
}

const BLOCK_MS = 5000;
/** Less than a worker lets pass before it sends the first that a flight says. */
const WAKE_MS = 10;
/** Of some eighty bytes each: four megabytes a second are asked for at most. */
const KEYS_PER_MS = 50;

/** The reading end, of all flights that one driver follows: one connection that waits for what comes. */
export class LiveReader {
  readonly #blocking: Redis;
  readonly #redis: Redis;
  readonly #wakeKey: string;
  readonly #followed = new Map<string, Followed>();
  #wakeId = '0';
  readonly #clock: Clock;
  #isOpen = true;
  #loop: Promise<void> | undefined;
  /** Something is followed that is not asked for yet. */
  #isBehind = false;

  /** @param blocking is this reader's alone */
  constructor(blocking: Redis, redis: Redis, wakeKey: string, clock: Clock) {
    this.#blocking = blocking;
    this.#redis = redis;
    this.#wakeKey = wakeKey;
    this.#clock = clock;
  }

  /** Gives all that was and is said under a key, in order. */
  follow(key: string, onEntry: OnEntry): { readonly stop: () => void } {
    this.#followed.set(key, { lastId: '0', onEntry });
    if (this.#loop === undefined) this.#loop = this.#read();
    else if (!this.#isBehind) void this.#wakeSoon();
    return { stop: () => void this.#followed.delete(key) };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    // One that is being made again is given up without a word: who waits for it would wait for ever.
    const isThere = this.#blocking.status === 'ready';
    this.#blocking.disconnect();
    if (isThere) await this.#loop;
    await this.#redis.del(this.#wakeKey).catch(() => {});
  }

  /** What is followed anew is asked for at once, unless something that is followed already speaks first. */
  async #wakeSoon(): Promise<void> {
    this.#isBehind = true;
    await this.#clock.sleep(WAKE_MS);
    if (!this.#isBehind || !this.#isOpen) return;
    await Promise.all([
      this.#redis.xadd(this.#wakeKey, 'MAXLEN', 1, '*', 'w', ''),
      this.#redis.expire(this.#wakeKey, KEEP_S),
    ]).catch(() => {});
  }

  async #read(): Promise<void> {
    while (this.#isOpen) {
      this.#isBehind = false;
      const keys = [this.#wakeKey, ...this.#followed.keys()];
      const ids = [this.#wakeId, ...[...this.#followed.values()].map(({ lastId }) => lastId)];
      try {
        const found = await this.#blocking.xread('BLOCK', BLOCK_MS, 'STREAMS', ...keys, ...ids);
        for (const [key, entries] of found ?? []) this.#take(key, entries);
        await this.#rest();
      } catch {
        // The connection is lost, and comes back by itself.
        if (this.#isOpen) await reconnected(this.#blocking);
      }
    }
  }

  /** All keys are named each time: of many, what comes meanwhile is asked for together. */
  async #rest(): Promise<void> {
    const ms = Math.floor(this.#followed.size / KEYS_PER_MS);
    if (ms > 0) await this.#clock.sleep(ms);
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
    for (const [, fields] of entries)
      for (const [index, text] of fields.entries())
        if (index % 2 === 1) followed.onEntry(JSON.parse(text) as LiveEntry);
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

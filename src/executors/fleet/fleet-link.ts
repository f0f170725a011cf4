import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../../core/world.ts';
import type { Flight } from '../../store/remote/remote.ts';
import { type FlightLink, type MessageState, RedisAway } from './flight-link.ts';
import { type LiveEntry, LiveReader } from './live.ts';
import { Keys, type TaskMessage } from './names.ts';
import { takersOf, type WaitState, type WorkerState } from './presence.ts';
import { openRedis, type RedisAddress } from './redis.ts';
import { describeRedisProblem } from './redis-problem.ts';
import { Register } from './register.ts';

export interface QueueState {
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
}

/** One run's connection to the queues of a fleet. It carries work and is never believed. */
export class FleetLink implements FlightLink, AsyncDisposable {
  readonly keys: Keys;
  readonly address: RedisAddress;
  readonly #redis: Redis;
  /** BullMQ's alone: each batch of commands takes the longer, the more scripts a connection knows. */
  #jobs: Redis | undefined;
  readonly #clock: Clock;
  readonly #reader: LiveReader;
  readonly #workers: Register<WorkerState>;
  readonly #waits: Register<WaitState>;
  readonly #queues = new Map<string, Queue>();
  readonly #known = new Set<string>();
  /** When it is to be said again that the run goes on; on the monotonic clock. */
  #hereUntil = 0;
  #lately: { readonly at: number; readonly workers: Promise<readonly WorkerState[]> } | undefined;

  /** @param redis connected */
  constructor(redis: Redis, address: RedisAddress, clock: Clock) {
    this.#redis = redis;
    this.#clock = clock;
    this.address = address;
    this.keys = new Keys(address.prefix);
    this.#workers = new Register(redis, this.keys.workers);
    this.#waits = new Register(redis, this.keys.waits);
    this.#reader = new LiveReader(
      openRedis(address, { lazyConnect: false, enableOfflineQueue: true }),
      redis,
      this.keys.wake(randomUUID()),
      clock,
    );
  }

  async enqueue(queue: string, id: string, message: TaskMessage, turn: number): Promise<string> {
    return this.#asking(async () => {
      const target = this.#queue(queue);
      if (!this.#known.has(queue)) await this.#redis.sadd(this.keys.queues, queue);
      this.#known.add(queue);
      await target.add('task', message, {
        jobId: id,
        priority: turn,
        attempts: 1,
        removeOnComplete: true,
        removeOnFail: true,
      });
      const [data, priority] = await this.#redis.hmget(target.toKey(id), 'data', 'priority');
      // What is done and forgotten meanwhile needs none.
      if (Number(priority ?? 0) > turn)
        await (await target.getJob(id))?.changePriority({ priority: turn }).catch(() => {});
      // It may have been done and forgotten already.
      return typeof data === 'string' ? (JSON.parse(data) as TaskMessage).nonce : message.nonce;
    });
  }

  async stateOf(queue: string, id: string): Promise<MessageState> {
    return this.#asking(async () => {
      if ((await this.#redis.get(this.keys.running(id))) !== null) return 'running';
      const job = await this.#queue(queue).getJob(id);
      if (job === undefined) return 'absent';
      return (await job.isActive()) ? 'taken' : 'queued';
    });
  }

  async wait(
    flight: Flight,
    run: string,
    { now, isRunning }: { now: number; isRunning: boolean },
  ): Promise<number> {
    return this.#asking(async () => {
      await this.#sayHere(run);
      const key = this.keys.waiters(flight.nonce);
      const since = await this.#redis.eval(WAIT, 1, key, run, now, WAITERS_S, isRunning ? 'anew' : 'first');
      return Number(since ?? now);
    });
  }

  async leave(flight: Flight, run: string): Promise<boolean> {
    const key = this.keys.waiters(flight.nonce);
    return this.#asking(async () => {
      await this.#redis.zrem(key, run);
      const others = await this.#redis.zrange(key, '0', '-1');
      if (others.length === 0) return true;
      const said = await this.#redis.mget(others.map((other) => this.keys.here(other)));
      const gone = others.filter((_, index) => said[index] === null);
      if (gone.length > 0) await this.#redis.zrem(key, ...gone);
      return (await this.#redis.zcard(key)) === 0;
    });
  }

  landed({ nonce }: Flight, run: string): void {
    if (this.#redis.status !== 'ready') return;
    const keys = [this.keys.waiters(nonce), this.keys.live(nonce)];
    this.#redis.eval(LANDED, keys.length, ...keys, run, HEARD_S).catch(() => {});
  }

  async cancel(queue: string, id: string, { nonce }: Flight): Promise<void> {
    await this.#asking(async () => {
      await this.#redis.publish(this.keys.cancelled, nonce);
      const job = await this.#queue(queue).getJob(id);
      // Locked: a worker has it, and was told.
      await job?.remove().catch(() => {});
    });
  }

  follow({ nonce }: Flight, onEntry: (entry: LiveEntry) => void): { readonly stop: () => void } {
    return this.#reader.follow(this.keys.live(nonce), onEntry);
  }

  async workers(): Promise<readonly WorkerState[]> {
    return this.#asking(async () => this.#workers.read());
  }

  /**
   * What no worker has begun, of all runs.
   *
   * @throws RedisAway
   */
  async waits(): Promise<readonly WaitState[]> {
    return this.#asking(async () => this.#waits.read());
  }

  async sayWaiting({ nonce }: Flight, state: WaitState): Promise<void> {
    await this.#asking(async () => this.#waits.say(waitId(nonce, state.run), state));
  }

  async sayBegun({ nonce }: Flight, run: string): Promise<void> {
    await this.#asking(async () => this.#waits.withdraw(waitId(nonce, run))).catch(() => {});
  }

  async takers(queue: string): Promise<number> {
    const now = this.#clock.monotonic();
    if (this.#lately === undefined || now - this.#lately.at > FRESH_MS)
      this.#lately = { at: now, workers: this.workers() };
    return takersOf(queue, await this.#lately.workers).length;
  }

  /**
   * How much waits and runs in each queue that was ever used.
   *
   * @throws RedisAway
   */
  async queues(): Promise<readonly QueueState[]> {
    return this.#asking(async () => {
      const names = (await this.#redis.smembers(this.keys.queues)).toSorted();
      return Promise.all(
        names.map(async (name) => {
          const counts = await this.#queue(name).getJobCounts('wait', 'prioritized', 'delayed', 'active');
          const { wait = 0, prioritized = 0, delayed = 0, active = 0 } = counts;
          return { name, waiting: wait + prioritized + delayed, running: active };
        }),
      );
    });
  }

  /** A run that was killed still stands where it waited: it counts for as long as it may be driven on. */
  async #sayHere(run: string): Promise<void> {
    const now = this.#clock.monotonic();
    if (now < this.#hereUntil) return;
    await this.#redis.set(this.keys.here(run), '1', 'EX', HERE_S);
    this.#hereUntil = now + HERE_AGAIN_MS;
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      this.#jobs ??= openRedis(this.address, { lazyConnect: false, enableOfflineQueue: true });
      queue = new Queue(name, {
        connection: this.#jobs,
        prefix: this.address.prefix,
        // Nobody reads them.
        streams: { events: { maxLen: 1 } },
      });
      queue.on('error', () => {});
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async #asking<T>(work: () => Promise<T>): Promise<T> {
    if (this.#redis.status !== 'ready') throw new RedisAway(`Redis at ${this.address.name} does not answer`);
    try {
      return await work();
    } catch (error) {
      // Whatever it says, the task is as it was: the next look asks again.
      throw new RedisAway(describeRedisProblem(this.address.name, error), { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.close();
    // What hangs on a server that is gone is given up with the connection.
    this.#redis.disconnect();
    this.#jobs?.disconnect();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => {})));
  }
}

const WAITERS_S = 7 * 86_400;
/** Whoever leaves a flight counts none of the others that has not been heard of for so long. */
const HERE_S = 60;
const HERE_AGAIN_MS = 5000;
/** Of several instants the first counts, unless the wait begins anew. */
const WAIT = `if ARGV[4] == 'first' then redis.call('zadd', KEYS[1], 'NX', ARGV[2], ARGV[1])
else redis.call('zadd', KEYS[1], ARGV[2], ARGV[1]) end
redis.call('expire', KEYS[1], ARGV[3])
return redis.call('zscore', KEYS[1], ARGV[1])`;
/** Who joined the flight as it ended hears it so long. */
const HEARD_S = 5;
const LANDED = `redis.call('zrem', KEYS[1], ARGV[1])
if redis.call('zcard', KEYS[1]) == 0 then redis.call('expire', KEYS[2], ARGV[2]) end`;
const FRESH_MS = 1000;

function waitId(nonce: string, run: string): string {
  return `${nonce} ${run}`;
}

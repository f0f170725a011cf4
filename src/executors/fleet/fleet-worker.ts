import { DelayedError, type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { every } from '../../core/every.ts';
import { Announcements } from './announcements.ts';
import { type ClockLine, ClockWatch } from './clock-watch.ts';
import { executeParcel, type ParcelBench } from './execute-parcel.ts';
import { Hold } from './hold.ts';
import { LiveWriter } from './live.ts';
import { MessageTaker, PutBack, type TakerOptions } from './message-taker.ts';
import { Keys, LOCK_MS, STALLED_MS, type TaskMessage } from './names.ts';
import type { WorkerState } from './presence.ts';
import { openRedis, type RedisAddress } from './redis.ts';
import { Register } from './register.ts';
import { RedisRunningKeys } from './running-keys.ts';
import type { TaskLine } from './task-line.ts';

export interface FleetWorkerOptions
  extends Pick<TakerOptions, 'id' | 'shared' | 'world' | 'gpus' | 'checkpoints' | 'lacks'>,
    Pick<ParcelBench, 'shop' | 'environment'> {
  readonly address: RedisAddress;
  /** Connected. */
  readonly redis: Redis;
  readonly state: Omit<WorkerState, 'isClockOff' | 'isDraining' | 'running'>;
  /** It goes by its own clock, whatever that of Redis says. */
  readonly isUnsafe: boolean;
  /** Lines for whoever watches the worker. */
  readonly onChange: (line: WorkerLine) => void;
}

export type WorkerLine =
  | TaskLine
  | ClockLine
  | { readonly type: 'redis'; readonly isThere: boolean }
  /** Something went wrong that is no step's fault: the task is begun again. */
  | { readonly type: 'problem'; readonly message: string }
  | { readonly type: 'draining'; readonly running: number };

/** What takes from one queue, and its connection. */
interface QueueEnd {
  readonly worker: Worker;
  readonly connection: Redis;
}

const ANNOUNCE_MS = 5000;
/** So long nobody takes what has come to a worker whose clock is off. */
const CLOCK_OFF_MS = 1000;

/** A process that takes tasks from queues and runs them, until it is told to end. */
export class FleetWorker implements AsyncDisposable {
  readonly #options: FleetWorkerOptions;
  readonly #keys: Keys;
  readonly #register: Register<WorkerState>;
  readonly #taker: MessageTaker;
  readonly #announcements: Announcements;
  readonly #listener: Redis;
  readonly #workers: readonly Worker[];
  /** BullMQ closes only what it opened itself. */
  readonly #connections: Redis[] = [];
  readonly #gone = new AbortController();
  readonly #hold: Hold;
  readonly #clockWatch: ClockWatch;
  #isDraining = false;
  #announcing: Disposable | undefined;
  #isAway = false;
  #atWork = 0;
  /** Asked whenever a task has ended or Redis has gone. */
  #isLeftAlone: () => void = () => {};

  constructor(options: FleetWorkerOptions) {
    const { address, redis, shop, state, world } = options;
    const { clock } = world;
    this.#options = options;
    this.#keys = new Keys(address.prefix);
    this.#register = new Register(redis, this.#keys.workers);
    this.#hold = new Hold(clock, LOCK_MS);
    this.#clockWatch = new ClockWatch(clock, (line) => this.#onClock(line));
    const running = new RedisRunningKeys(redis, this.#keys, state.id, LOCK_MS);
    this.#announcements = new Announcements(running, { clock, lockMs: LOCK_MS });
    const bench = { ...options, threads: state.cpus };
    this.#taker = new MessageTaker({
      ...options,
      version: shop.version,
      store: shop.store,
      voiceOf: (nonce, { isPrompt }) => new LiveWriter(redis, this.#keys.live(nonce), { clock, isPrompt }),
      announcements: this.#announcements,
      lockMs: LOCK_MS,
      execute: async (start, signal) => executeParcel(start, signal, bench),
    });
    this.#listener = openRedis(address, { enableOfflineQueue: true });
    this.#workers = state.queues.map((queue) => this.#workerOf(queue));
  }

  /** Resolves when it takes work. */
  async start(): Promise<void> {
    const { redis } = this.#options;
    redis.on('close', this.#onClose);
    redis.on('ready', this.#onReady);
    await this.#holdAfterRestart();
    await this.#listener.connect();
    await this.#listener.subscribe(this.#keys.cancelled);
    this.#listener.on('message', (_, nonce: string) => {
      for (const one of this.#taker.underWay) if (one.flight.nonce === nonce) one.stop('cancelled');
    });
    await this.#announce();
    this.#announcing = every(this.#options.world.clock, ANNOUNCE_MS, () => this.#announce());
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
    for (const worker of this.#workers) void worker.run();
  }

  /**
   * Takes nothing more, and resolves when what runs has ended.
   *
   * @param preempt aborted when that takes too long: what runs is ended then, and begun again elsewhere
   */
  async drain(preempt: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#options.onChange({ type: 'draining', running: this.#taker.underWay.size });
    await this.#announce();
    const end = (): void => {
      for (const one of this.#taker.underWay) one.stop('preempted');
    };
    preempt.addEventListener('abort', end, { once: true });
    if (preempt.aborted) end();
    const closed = Promise.all(this.#workers.map((worker) => worker.close().catch(() => {})));
    await Promise.race([closed, this.#leftAlone()]);
    preempt.removeEventListener('abort', end);
  }

  /**
   * Resolves when nothing is at work and Redis is away. BullMQ's close would wait for it, to say what the store
   * knows: whoever takes the task next finds its result there.
   */
  async #leftAlone(): Promise<void> {
    return new Promise((resolve) => {
      this.#isLeftAlone = () => {
        if (this.#isAway && this.#atWork === 0) resolve();
      };
      this.#isLeftAlone();
    });
  }

  #workerOf(queue: string): Worker {
    const { address, state } = this.#options;
    const connection = openRedis(address, { enableOfflineQueue: true });
    this.#connections.push(connection);
    const worker: Worker<TaskMessage> = new Worker<TaskMessage>(
      queue,
      async (job, token) => this.#process({ worker, connection }, job, token),
      {
        connection,
        prefix: address.prefix,
        concurrency: state.concurrency,
        autorun: false,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_MS,
        // The driver counts: a worker that dies is no fault of the task's until it has died three times.
        maxStalledCount: 1_000_000,
      },
    );
    // Lost locks and connections: what runs goes on, and the store decides.
    worker.on('error', () => {});
    worker.on('failed', (_, error) =>
      this.#options.onChange({ type: 'problem', message: error.stack ?? error.message }),
    );
    return worker;
  }

  async #process(queue: QueueEnd, job: Job<TaskMessage>, token: string | undefined): Promise<void> {
    await this.#hold.over();
    try {
      // What was asked for before the clock was known to be off comes all the same.
      if (!this.#clockWatch.isRight) throw new PutBack(CLOCK_OFF_MS);
      await this.#take(job.data);
    } catch (error) {
      if (!(error instanceof PutBack)) throw error;
      const now = await this.#now(queue.connection);
      // The job's own way to do it goes by this process's clock.
      await queue.worker.backend.moveToDelayed(job.id ?? '', now, error.afterMs, token, {
        skipAttempt: true,
      });
      throw new DelayedError();
    }
  }

  /** Milliseconds since the Unix epoch, as the others see it who take out of a queue what is due. */
  async #now(redis: Redis): Promise<number> {
    const { isUnsafe, world } = this.#options;
    return isUnsafe ? world.clock.now() : this.#clockWatch.look(redis);
  }

  /** BullMQ takes out what is due by the clock of whoever asks: with one that is off, too early or never. */
  #onClock(line: ClockLine): void {
    for (const worker of this.#workers) void (line.isRight ? worker.resume() : worker.pause(true));
    this.#options.onChange(line);
  }

  async #take(message: TaskMessage): Promise<void> {
    this.#atWork++;
    try {
      await this.#taker.take(message, this.#gone.signal);
    } finally {
      this.#atWork--;
      this.#isLeftAlone();
    }
  }

  async #holdAfterRestart(): Promise<void> {
    const info = await this.#options.redis.info('server');
    const upMs = Number(/^uptime_in_seconds:(\d+)/m.exec(info)?.[1] ?? 0) * 1000;
    this.#hold.begin(upMs);
  }

  readonly #onClose = (): void => {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.onChange({ type: 'redis', isThere: false });
    this.#isLeftAlone();
  };

  readonly #onReady = (): void => {
    this.#announcements.renew();
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#hold.begin(0);
    this.#options.onChange({ type: 'redis', isThere: true });
    void this.#announce();
  };

  async #announce(): Promise<void> {
    const { redis, state } = this.#options;
    // Redis is away: it is asked and told again in a moment.
    await this.#now(redis).catch(() => {});
    const running = [...this.#taker.underWay].map(({ step, run, queue, since }) => ({
      step,
      run,
      queue,
      since,
    }));
    const clock = this.#clockWatch.isRight ? {} : { isClockOff: true as const };
    const said = { ...state, ...clock, isDraining: this.#isDraining, running };
    await this.#register.say(state.id, said).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { redis, state } = this.#options;
    this.#announcing?.[Symbol.dispose]();
    this.#gone.abort();
    redis.off('close', this.#onClose).off('ready', this.#onReady);
    this.#announcements[Symbol.dispose]();
    await this.#register.withdraw(state.id).catch(() => {});
    // Of those that never began to take anything; what they opened themselves would keep the process.
    for (const worker of this.#workers) void worker.close(true).catch(() => {});
    for (const connection of [this.#listener, ...this.#connections]) connection.disconnect();
    redis.disconnect();
  }
}

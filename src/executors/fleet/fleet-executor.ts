import type { Failure } from '../../core/failure.ts';
import type { Digest } from '../../core/ids.ts';
import { isTree, type OutputKind } from '../../core/kinds.ts';
import { goesToQueue, queueOf } from '../../core/plan-queues.ts';
import type { Priority } from '../../core/priority.ts';
import type { World } from '../../core/world.ts';
import type { AttemptOutcome, Executor, Task, TaskHooks } from '../../engine/ports.ts';
import type { Blobs, ReadableBlobs } from '../../store/blobs.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { Results } from '../../store/results.ts';
import { readTree } from '../../store/trees.ts';
import type { FlightLink } from './flight-link.ts';
import { FlightWatch } from './flight-watch.ts';
import type { TaskMessage } from './names.ts';
import { type Packed, ProjectChanged } from './pack-task.ts';
import { queueTimeout } from './queue-timeout.ts';
import { QueueWait } from './queue-wait.ts';

/** What a driver needs of its machine's store. */
export interface DriverStore {
  readonly blobs: ReadableBlobs & Pick<Blobs, 'putBytes'>;
  readonly results: Pick<Results, 'read' | 'adopt'>;
}

export interface FleetOptions {
  readonly link: FlightLink;
  readonly store: DriverStore;
  /** The cache that driver and workers share: code and data travel through it. */
  readonly shared: RemoteCache;
  readonly run: string;
  /** Packs a task, as `packTask` does. */
  readonly pack: (task: Task) => Promise<Packed>;
  readonly world: World;
  /** Flights that have ended, of this run: what is still in a queue of them is not waited for. */
  readonly endedNonces: Set<string>;
  readonly priority: Priority;
  /** How long a task waits for a worker of a queue; undefined for no end. */
  readonly timeoutOf: (queue: string) => number | undefined;
  /** Runs what must be done in the project's own folder. */
  readonly local: Executor;
}

/** Characters of a parcel that a message may hold: memory of Redis is for many of them. */
const MOST_IN_MESSAGE = 16_384;

/** So long after the shared cache was away it is asked again. */
const AGAIN_MS = 2000;

/** Has workers elsewhere run attempts: through a queue that is never believed, and a store that is. */
export class FleetExecutor implements Executor {
  readonly #options: FleetOptions;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async execute(task: Task, hooks: TaskHooks, signal: AbortSignal): Promise<AttemptOutcome> {
    const { clock } = this.#options.world;
    if (!goesToQueue(task.step)) return this.#options.local.execute(task, hooks, signal);
    const queue = queueOf(task.step);
    const wait = new QueueWait(clock, this.#options.timeoutOf(queue));
    const startedAt = clock.monotonic();
    const failed = (failure: Failure): AttemptOutcome => ({
      ok: false,
      failure,
      logTail: '',
      durationMs: clock.monotonic() - startedAt,
    });
    let parcel: TaskMessage['parcel'] | undefined;
    try {
      parcel = await this.#sent(task, hooks, wait, signal);
    } catch (error) {
      if (!(error instanceof ProjectChanged)) throw error;
      return failed({ reason: 'inputs-changed', inputs: [error.path] });
    }
    if (parcel !== undefined)
      return new FlightWatch(this.#options, { task, hooks, signal, queue, wait, parcel }).land();
    if (signal.aborted) return failed({ reason: 'cancelled' });
    const { limitMs } = wait;
    return failed(await queueTimeout(this.#options.link, { queue, limitMs, holder: this.#cache }));
  }

  /** Waits for the shared cache while it is away. Undefined: the run was cancelled meanwhile, or the wait is over. */
  async #sent(
    task: Task,
    hooks: TaskHooks,
    wait: QueueWait,
    signal: AbortSignal,
  ): Promise<TaskMessage['parcel'] | undefined> {
    const { shared, world } = this.#options;
    const { parcel, digests } = await this.#packed(task);
    for (let isFirst = true; !signal.aborted && !wait.isOver; isFirst = false) {
      if (await shared.push(digests)) return parcel;
      if (isFirst) hooks.waiting(this.#cache);
      await world.clock.sleep(Math.min(AGAIN_MS, wait.leftMs), signal).catch(() => {});
    }
    return undefined;
  }

  /** For people: what is waited for while it is away. */
  get #cache(): string {
    const { shared } = this.#options;
    return `the shared cache, which cannot be written: ${shared.problem ?? shared.remote.name}`;
  }

  /** What a message says of the task, and all that it needs of this machine's store. */
  async #packed(
    task: Task,
  ): Promise<{ readonly parcel: TaskMessage['parcel']; readonly digests: readonly Digest[] }> {
    const { store, pack } = this.#options;
    const { text, blobs, stored } = await pack(task);
    const blob = text.length > MOST_IN_MESSAGE ? store.blobs.putBytes(text).digest : undefined;
    const here = stored.flatMap(({ digest, kind }) => this.#withFiles(digest, kind));
    const digests = [...blobs, ...here, ...(blob === undefined ? [] : [blob])].filter(
      (digest) => store.blobs.size(digest) !== undefined,
    );
    return { parcel: blob === undefined ? { text } : { blob }, digests };
  }

  /** What steps made may be on this machine alone: from runs before the fleet's. */
  #withFiles(digest: Digest, kind: OutputKind): Digest[] {
    const { blobs } = this.#options.store;
    if (!isTree(kind) || blobs.size(digest) === undefined) return [digest];
    return [digest, ...readTree(blobs, digest).files.map((file) => file.digest)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.local[Symbol.asyncDispose]();
  }
}

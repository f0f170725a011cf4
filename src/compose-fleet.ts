import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type NamedRemote, remoteSettings } from './compose-link.ts';
import { keysAt, openRemote } from './compose-remote.ts';
import { every } from './core/every.ts';
import type { Settings } from './core/plan.ts';
import type { Priority } from './core/priority.ts';
import { queueSettings } from './core/queue-settings.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { World } from './core/world.ts';
import type { Executor } from './engine/ports.ts';
import { fairShare } from './executors/fleet/fair-share.ts';
import { FleetExecutor } from './executors/fleet/fleet-executor.ts';
import { FleetLink } from './executors/fleet/fleet-link.ts';
import { RedisAway } from './executors/fleet/flight-link.ts';
import { packTask } from './executors/fleet/pack-task.ts';
import { enterRedis, openRedis, type RedisAddress, redisAddress } from './executors/fleet/redis.ts';
import type { RemoteCache } from './store/remote/remote-cache.ts';
import type { Store } from './store/store.ts';

export interface FleetContext {
  readonly settings: Pick<Settings, 'remote' | 'redis'>;
  readonly projectDir: string;
  /** What relative addresses start from. */
  readonly base: string;
  readonly home: string;
  readonly store: () => Store;
  readonly world: World;
  /** Go on with a Redis that throws keys away. */
  readonly isUnsafe: boolean;
  readonly onWarning: (message: string) => void;
}

/**
 * What is said of the cache that the machines of a fleet share: it is no fleet without one.
 *
 * @throws RecipeError FLEET_WITHOUT_CACHE, FLEET_READ_ONLY
 */
export function fleetRemote({
  settings,
  home,
  world,
}: Pick<FleetContext, 'settings' | 'home' | 'world'>): NamedRemote {
  const remote = remoteSettings(settings.remote ?? {}, home, world.env);
  if (remote === undefined) throw new RecipeError('FLEET_WITHOUT_CACHE', undefined);
  if (remote.readOnly === true) throw new RecipeError('FLEET_READ_ONLY', { remote: remote.address });
  return remote;
}

/** As `openRemote`, and asked again once it was away. */
export function openFleetCache(
  remote: NamedRemote,
  { base, store, world, onWarning }: Pick<FleetContext, 'base' | 'store' | 'world' | 'onWarning'>,
): RemoteCache {
  return openRemote(remote, { projectDir: base, world, near: store, retryAfterMs: RETRY_MS, onWarning });
}

/**
 * Whoever publishes results must take them back.
 *
 * @throws RecipeError WORKER_KEY_UNACCEPTED
 */
export function requireOwnKey(
  remote: NamedRemote,
  { base, world }: Pick<FleetContext, 'base' | 'world'>,
): void {
  const { accepts, own, acceptsOwn } = keysAt(remote, { projectDir: base, world });
  if (accepts === 'any' || (own !== undefined && acceptsOwn)) return;
  throw new RecipeError('WORKER_KEY_UNACCEPTED', { remote: remote.address, own });
}

/** Bytes of it, which only planning thousands of steps takes. */
const LARGE_HEAP = 128 * 2 ** 20;

/** A fleet waits for its cache, and a worker outlives many outages. */
const RETRY_MS = 2000;

/** What one run needs to have its steps run elsewhere. */
export class Fleet implements AsyncDisposable {
  readonly shared: RemoteCache;
  readonly #link: FleetLink;
  readonly #context: DriverContext;
  readonly #counting: Disposable;
  /** By what name the fleet knows the run. */
  #run = '';
  #share = 2;

  constructor(shared: RemoteCache, link: FleetLink, context: DriverContext) {
    this.shared = shared;
    this.#link = link;
    this.#context = context;
    // What a large run drops is collected when it is half of what the run needs, not three times that. A run whose
    // steps run here ends sooner without; one that has machines for them waits for those.
    setFlagsFromString('--heap-growing-percent=50');
    // That holds from the next collection on, which what planning left would put off until there is as much again.
    if (getHeapStatistics().total_heap_size > LARGE_HEAP) giveMemoryBack();
    this.#counting = every(context.world.clock, COUNT_MS, () => this.count());
  }

  /** Tasks that the run may have in queues at once. */
  get capacity(): number {
    return this.#share;
  }

  /** Asks who is there: workers, and runs that want something of them. */
  async count(): Promise<void> {
    try {
      const [workers, waits] = await Promise.all([this.#link.workers(), this.#link.waits()]);
      this.#share = fairShare(this.#run, this.#context.queues, { workers, waits });
    } catch (error) {
      // Then it is as it was.
      if (!(error instanceof RedisAway)) throw error;
    }
  }

  executor({ local, run, isSubmitted, priority }: FleetRun): Executor {
    const { settings, projectDir, version, world } = this.#context;
    const store = this.#context.store();
    this.#run = run;
    return new FleetExecutor({
      link: this.#link,
      shared: this.shared,
      store,
      run,
      pack: async (task) => packTask(task, { store, projectDir, run, version }),
      world,
      endedNonces: new Set(),
      priority: settings.priority ?? priority,
      timeoutOf: (queue) =>
        queueSettings(settings, queue).timeoutMs ??
        settings.queueTimeoutMs ??
        (isSubmitted ? DAY_MS : undefined),
      local,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#counting[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
    await this.shared[Symbol.asyncDispose]();
  }
}

const COUNT_MS = 5000;
/** So long a step waits for a worker that nobody sees waiting, if its profile says nothing of it. */
const DAY_MS = 86_400_000;

export interface FleetRun {
  /** Runs what is to be run on this machine. */
  readonly local: Executor;
  /** By whose name the fleet knows that it waits. */
  readonly run: string;
  /** Whether it was submitted or scheduled. */
  readonly isSubmitted: boolean;
  /** Unless its profile says another. */
  readonly priority: Priority;
}

export interface DriverContext extends FleetContext {
  readonly settings: FleetContext['settings'] & Pick<Settings, 'queues' | 'queueTimeoutMs' | 'priority'>;
  readonly version: string;
  /** That its steps go to. */
  readonly queues: readonly string[];
}

/**
 * A driver's way to the workers.
 *
 * @throws RecipeError FLEET_WITHOUT_CACHE, FLEET_READ_ONLY, REDIS_UNKNOWN, REDIS_INVALID, REDIS_UNREACHABLE,
 *   REDIS_REFUSED, REDIS_TOO_OLD, REDIS_EVICTS, REDIS_CLOCK
 */
export async function openFleet(context: DriverContext): Promise<Fleet> {
  const shared = openFleetCache(fleetRemote(context), context);
  const fleet = new Fleet(shared, await openFleetLink(context), context);
  await fleet.count();
  return fleet;
}

/**
 * A driver's way to the queues.
 *
 * @throws RecipeError REDIS_UNKNOWN, REDIS_INVALID, REDIS_UNREACHABLE, REDIS_REFUSED, REDIS_TOO_OLD, REDIS_EVICTS,
 *   REDIS_CLOCK
 */
export async function openFleetLink(
  context: Pick<FleetContext, 'settings' | 'world' | 'isUnsafe' | 'onWarning'>,
): Promise<FleetLink> {
  const { address, redis } = await enteredRedis(context);
  return new FleetLink(redis, address, context.world.clock);
}

/** Redis, connected and checked. */
export async function enteredRedis({
  settings,
  world,
  isUnsafe,
  onWarning,
}: Pick<FleetContext, 'settings' | 'world' | 'isUnsafe' | 'onWarning'>): Promise<{
  address: RedisAddress;
  redis: ReturnType<typeof openRedis>;
}> {
  const address = redisAddress(settings.redis ?? {}, world.env);
  // What is asked in one turn of the loop goes in one piece.
  const redis = openRedis(address, { enableAutoPipelining: true });
  for (const warning of await enterRedis(redis, address, { isUnsafe, clock: world.clock }))
    onWarning(warning);
  return { address, redis };
}

/** Node gives a way to ask for it to those contexts only that are made after the flag. */
function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

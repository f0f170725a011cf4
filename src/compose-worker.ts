import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { arch, availableParallelism, hostname, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { enteredRedis, fleetRemote, openFleetCache, requireOwnKey } from './compose-fleet.ts';
import { ProjectHome, type Surroundings } from './compose-home.ts';
import { machineMemory } from './compose-machine.ts';
import { ProgramModules } from './compose-modules.ts';
import type { Settings } from './core/plan.ts';
import { immediate } from './db/sqlite.ts';
import { closeInterruptedRuns, markActive, PIPES } from './engine/active-runs.ts';
import { CheckpointTurns } from './engine/checkpoint-turns.ts';
import { journalPath } from './engine/read-journal.ts';
import { SECRET_VARIABLE } from './engine/secrets.ts';
import { SingleFlight } from './engine/single-flight.ts';
import { Environments } from './executors/fleet/environments.ts';
import { FleetWorker, type WorkerLine } from './executors/fleet/fleet-worker.ts';
import type { Parcel } from './executors/fleet/parcel.ts';
import { redisError } from './executors/fleet/redis.ts';
import { SpentFolders } from './executors/fleet/spent-folders.ts';
import { machineGpus } from './executors/local/machine-gpus.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import { endLeftover, endStrays } from './executors/local/spawn.ts';

export interface WorkerRequest {
  readonly settings: Pick<Settings, 'remote' | 'redis'>;
  readonly queues: readonly string[];
  /** Steps at once. */
  readonly concurrency: number;
  /** GPUs that its steps may have: how many, or which; undefined: those that are found. */
  readonly gpus: number | readonly string[] | undefined;
  readonly isUnsafe: boolean;
  readonly onWarning: (message: string) => void;
  readonly onChange: (line: WorkerLine) => void;
}

/** What a worker on its own knows of profiles. */
const SETTINGS: Settings = { effects: 'none', limits: {}, secrets: {} };

/** A worker in a folder of its own: a cache, attempts, and nothing of any project. */
export class WorkerHome extends ProjectHome {
  readonly id = `${hostname()}-${randomBytes(4).toString('hex')}`;
  readonly #modules: ProgramModules;

  constructor(dir: string, surroundings: Surroundings) {
    super(dir, surroundings);
    this.#modules = new ProgramModules(surroundings);
  }

  /**
   * Takes work until `signal` is aborted, then ends what runs: at once if `preempt` is aborted, too.
   *
   * @throws RecipeError FLEET_WITHOUT_CACHE, FLEET_READ_ONLY, WORKER_KEY_UNACCEPTED, REDIS_… and what opening the shared cache throws
   */
  async work(
    request: WorkerRequest,
    started: (worker: string) => void,
    signal: AbortSignal,
    preempt: AbortSignal,
  ): Promise<void> {
    const { world, version, pid } = this.surroundings;
    const { queues, concurrency, isUnsafe, onWarning, onChange } = request;
    const context = {
      ...request,
      projectDir: this.dir,
      base: this.dir,
      home: this.home,
      store: () => this.store,
      world,
      isUnsafe,
      onWarning,
    };
    const gpus = machineGpus(request.gpus, world.env);
    const remote = fleetRemote(context);
    await using shared = openFleetCache(remote, context);
    requireOwnKey(remote, context);
    const { address, redis } = await enteredRedis(context);
    await this.#endLeftovers();
    await using environments = new Environments(this.home, this.store, world);
    const mark = markActive(this.home, this.id, identityOf(pid));
    using launcher = this.#modules.launcher(this.home, PIPES);
    using spent = new SpentFolders(world.clock);
    const { openRecorder } = await import('./server/recorder.ts');
    await using worker = new FleetWorker({
      id: this.id,
      address,
      redis,
      world,
      shared,
      shop: {
        store: this.store,
        launcher,
        home: this.home,
        settings: SETTINGS,
        world,
        version,
        openRecorder: async (asked) => openRecorder(asked, { version, now: () => world.clock.now() }),
        memoryBytes: machineMemory(),
        shippedEntry: (component) => this.#modules.shippedEntry(component),
        removeFolder: spent.remove,
      },
      state: {
        id: this.id,
        host: hostname(),
        pid,
        stockpot: version,
        platform: `${platform()}-${arch()}`,
        queues,
        concurrency,
        cpus: availableParallelism(),
        memoryBytes: machineMemory(),
        gpus: gpus.ids.length,
        secrets: this.#secrets,
        startedAt: world.clock.now(),
      },
      isUnsafe,
      gpus,
      checkpoints: new CheckpointTurns(new SingleFlight(this.store.index, identityOf(pid), this.id, isAlive)),
      lacks: (parcel) => this.#lacks(parcel, gpus.ids.length),
      environment: async (parcel, request) => environments.of(parcel, request),
      onChange,
    });
    await worker.start().catch((error: unknown) => {
      throw redisError(address, error);
    });
    started(this.id);
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await worker.drain(preempt);
    mark.remove();
  }

  /** What workers of this folder that died left running. */
  async #endLeftovers(): Promise<void> {
    await closeInterruptedRuns(this.home, {
      isAlive,
      endLeftover,
      endStrays,
      now: this.surroundings.world.clock.now(),
      exclusively: (work) => immediate(this.store.index, work),
      // A run of a project that shares the folder is brought to tracking by the next command there.
      settle: async (one) => !existsSync(journalPath(this.home, one)),
    });
  }

  get #secrets(): readonly string[] {
    const { env } = this.surroundings.world;
    return Object.keys(env)
      .filter((name) => name.startsWith(SECRET_VARIABLE) && env[name] !== '')
      .map((name) => name.slice(SECRET_VARIABLE.length))
      .toSorted();
  }

  #lacks({ step, stockpot }: Parcel, gpus: number): string | undefined {
    const { version } = this.surroundings;
    for (const value of Object.values(step.env))
      if (typeof value !== 'string' && 'secret' in value && !this.#secrets.includes(value.secret))
        return `a worker that has the secret ${value.secret} (${SECRET_VARIABLE}${value.secret})`;
    const wanted = step.resources.gpus ?? 0;
    if (wanted > gpus) return `a worker that has ${wanted} GPUs: this one has ${gpus}`;
    if (step.action.kind !== 'shipped') return undefined;
    const component = dirname(this.#modules.shippedEntry(step.action.component));
    if (!existsSync(join(component))) return `a worker that has the component ${step.action.component}`;
    // Its results are those of its version: another would put other bytes under the same fingerprint.
    return stockpot === version ? undefined : `a worker of Stockpot ${stockpot}: this one is ${version}`;
  }
}

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Fleet } from './compose-fleet.ts';
import { collectGarbageDaily } from './compose-gc.ts';
import { ProjectHome } from './compose-home.ts';
import { remoteSettings } from './compose-link.ts';
import { machineFor, machineMemory } from './compose-machine.ts';
import { ProgramModules } from './compose-modules.ts';
import { openTracing } from './compose-tracing.ts';
import type { RunFinished, Subscriber } from './core/events.ts';
import { runId } from './core/ids.ts';
import type { Plan, PlanStep, RemoteSettings } from './core/plan.ts';
import { planQueues } from './core/plan-queues.ts';
import type { Priority } from './core/priority.ts';
import { immediate } from './db/sqlite.ts';
import { closeInterruptedRuns, markActive, PIPES } from './engine/active-runs.ts';
import { alone } from './engine/alone.ts';
import { bringInputs } from './engine/bring-inputs.ts';
import { describeStep } from './engine/describe-step.ts';
import { Driver } from './engine/driver.ts';
import { History } from './engine/history.ts';
import { limitsOfStep } from './engine/limits-of-step.ts';
import { type CachedPlan, planOf } from './engine/plan-cache.ts';
import { preflight } from './engine/preflight.ts';
import type { OpenRecorder } from './engine/recorder-port.ts';
import { type FixedReferences, References } from './engine/references.ts';
import { RegisterEffect } from './engine/register-effect.ts';
import { reproductionKeeper } from './engine/reproduction-keeper.ts';
import { preflightGpus } from './engine/require-gpus.ts';
import type { Machine, RunFlags } from './engine/run-options.ts';
import { dirtyTag } from './engine/run-tags.ts';
import { RunTracking } from './engine/run-tracking.ts';
import { type SelectionRequest, select } from './engine/selection.ts';
import { type ProcessIdentity, SingleFlight } from './engine/single-flight.ts';
import { trackedRunId } from './engine/tracked-plan.ts';
import { LocalExecutor } from './executors/local/local-executor.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import { endLeftover, endStrays } from './executors/local/spawn.ts';
import type { HeldLimits } from './ledger/held-limits.ts';
import type { RecipeLocation } from './recipe/address.ts';
import type { Origin } from './recipe/origins.ts';
import type { ResolveRequest } from './recipe/resolve-recipe.ts';
import type { openRecorder as OpenRecorderOfServer } from './server/recorder.ts';
import type { RemoteCache } from './store/remote/remote-cache.ts';
import { readTree, treeSize } from './store/trees.ts';
import { placeName } from './tracking/places.ts';

/** Of programs that are being tracked, below the home. */
export const RECORDINGS = 'recordings';

/** A project that is open: what it keeps, its plans and its runs. */
export class Project extends ProjectHome {
  readonly #modules = new ProgramModules(this.surroundings);
  /** What the relative addresses of a profile start from: for a copy, where it was taken. */
  base = this.dir;

  /** The plan of a recipe, from the plan cache if nothing it is made of has changed. */
  async plan(
    location: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
    tickAt?: number,
  ): Promise<CachedPlan> {
    const { version, world } = this.surroundings;
    const request = { ...this.#requestOf(location, profile, set), tickAt };
    const plan = await planOf(request, {
      store: this.planning,
      version,
      now: world.clock.now(),
      resolve: async () => {
        // Working a plan out makes garbage by the hundred MiB; `bin/recipe.js` keeps room for it small.
        setFlagsFromString('--semi-space-growth-factor=2');
        return (await import('./recipe/resolve-recipe.ts')).resolveRecipe(request);
      },
    });
    this.addresses = plan.settings.addresses ?? {};
    return plan;
  }

  /** The same worked out anew, as the plan cache does not keep where values came from. */
  async origins(
    location: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
  ): Promise<Origin[]> {
    const { resolveRecipe } = await import('./recipe/resolve-recipe.ts');
    return resolveRecipe(this.#requestOf(location, profile, set)).origins();
  }

  /** The files of the project that a plan was worked out from, by path. */
  async filesOf(
    location: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
    tickAt: number,
  ): Promise<readonly string[]> {
    const { resolveRecipe } = await import('./recipe/resolve-recipe.ts');
    const { asked } = resolveRecipe({ ...this.#requestOf(location, profile, set), tickAt });
    return asked.flatMap((one) => (one.kind === 'file' && !isAbsolute(one.path) ? [one.path] : []));
  }

  #requestOf(
    { projectDir, file, name }: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
  ): ResolveRequest {
    const { packageDir, node, version, world } = this.surroundings;
    return {
      projectDir,
      file,
      name,
      profile,
      set,
      shippedDir: join(packageDir, 'steps'),
      templatesDir: join(packageDir, 'recipes', 'templates'),
      describe: (entry) =>
        describeStep(entry, {
          store: this.planning,
          projectDir,
          child: [node, this.#modules.path('step/describe-child')],
          version,
          env: world.env,
        }),
    };
  }

  references(offline: boolean, fixed?: FixedReferences): References {
    const { world } = this.surroundings;
    return new References({
      store: this.store,
      registry: this.registry,
      projectDir: this.dir,
      clock: world.clock,
      env: world.env,
      offline,
      fixed,
    });
  }

  async run(plan: Plan, request: RunRequest): Promise<RunFinished> {
    const { world, version } = this.surroundings;
    const { env } = world;
    const me = this.#me;
    const roles = select(plan, request.selection);
    preflight(plan, roles, this.dir, env);
    const machine = machineFor(plan, env);
    preflightGpus(plan, roles, {
      machine,
      force: request.flags.force,
      mayBeCached: (step) => this.#mayBeCached(plan, step),
    });
    const places = this.places;
    // A database out of reach is known before anything is written; a server may come back meanwhile.
    if (places.tracking.kind === 'database') await this.tracking();
    if (places.registry.kind === 'database') await this.registry();
    await this.closeInterrupted(request.onWarning);
    const dirty = dirtyTag(this.dir, env);
    const id = runId(world.newRunId());
    await using limits = await this.#limits(plan, machine);
    await using fleet = await this.#fleet(plan, request);
    await using ownShared = fleet === undefined ? await this.shared(plan, request.onWarning) : undefined;
    const shared = fleet?.shared ?? ownShared;
    const local = new LocalExecutor(
      {
        store: this.store,
        shared,
        sharesAll: false,
        home: this.home,
        projectDir: this.dir,
        settings: plan.settings,
        world,
        run: id,
        owner: id,
        version,
        openRecorder: this.openRecorder,
        memoryBytes: machineMemory(),
        shippedEntry: (component) => this.#modules.shippedEntry(component),
      },
      this.#modules.launcher(this.home, PIPES),
    );
    const { isSubmitted = false, waiter = id, priority = 'normal' } = request;
    await using executor = fleet?.executor({ local, run: waiter, isSubmitted, priority }) ?? local;
    const mark = markActive(this.home, id, { ...me, hasOthers: isSubmitted });
    const tracked = await this.#runTracking.follow(
      { run: id, plan, place: placeName(places.tracking) },
      (error) => request.onWarning(`tracking could not be written: ${error.message}`),
    );
    void dirty.then((tags) => tracked.tag(tags));
    await using tracing = await openTracing(this.surroundings, request);
    const driver = new Driver({
      id,
      plan,
      roles,
      projectDir: this.dir,
      home: this.home,
      store: this.store,
      shared,
      executor,
      references: this.references(request.offline, request.fixed),
      effects: {
        register: new RegisterEffect(this.registry, {
          bring:
            shared === undefined
              ? undefined
              : async (model, report) => bringInputs([{ digest: model, kind: 'model' }], shared, { report }),
          sizeOf: (model) => treeSize(readTree(this.store.blobs, model)),
          announce: tracked.announce,
          reproduction: reproductionKeeper({
            store: this.store,
            projectDir: this.dir,
            plan,
            version,
            keepInputs: plan.settings.keepInputs ?? places.registry.kind !== 'home',
          }),
        }),
      },
      isSubmitted,
      world,
      me,
      isAlive,
      signal: request.signal,
      // The monotonic clock starts with the process.
      startedAt: request.startedAt ?? 0,
      subscribers: [tracked.take, ...(tracing === undefined ? [] : [tracing.take]), ...request.subscribers],
      journaled: tracked.journaled,
      machine,
      limits,
      flags: flagsOf(request, fleet),
      expectWork: (step) => {
        if (fleet !== undefined) return;
        if (step.action.kind === 'shipped' || (step.action.kind === 'own' && step.action.runtime === 'node'))
          local.expect();
        // While earlier steps run, not before this one does.
        if (step.mlflow === true) void loadRecorder();
      },
      trackedRun: trackedRunId(id),
    });
    try {
      const finished = await driver.run();
      await dirty;
      // A run that tracking does not know to the end keeps its mark: the next command replays its journal.
      if (await tracked.settled()) mark.remove();
      return finished;
    } finally {
      await dirty;
      await tracked.settled();
      collectGarbageDaily(this, this.surroundings, plan.settings.cacheMaxBytes);
    }
  }

  /** As far as it can be told without its fingerprint, and without asking another machine. */
  #mayBeCached({ recipe, settings }: Plan, { id }: PlanStep): boolean {
    if (remoteSettings(settings.remote ?? {}, this.home, this.surroundings.world.env) !== undefined)
      return true;
    if (this.isNew) return false;
    const last = new History(this.store.index, recipe).get(id);
    return last !== undefined && this.store.results.find(last.fingerprint) !== undefined;
  }

  /** What runs steps elsewhere, if the plan's profile says so; loaded only then. */
  async #fleet(
    { settings, steps }: Plan,
    { onWarning, isUnsafeRedis }: RunRequest,
  ): Promise<Fleet | undefined> {
    if (settings.executor !== 'fleet') return undefined;
    const { world, version } = this.surroundings;
    const { openFleet } = await import('./compose-fleet.ts');
    return openFleet({
      settings,
      projectDir: this.dir,
      base: this.base,
      home: this.home,
      store: () => this.store,
      world,
      version,
      isUnsafe: isUnsafeRedis ?? false,
      queues: planQueues(steps),
      onWarning,
    });
  }

  /** What keeps runs to the named limits of the plan's profile, if a step has one; loaded only then. */
  async #limits({ settings, steps }: Plan, machine: Machine): Promise<HeldLimits | undefined> {
    if (steps.every((step) => limitsOfStep(step, settings, machine).length === 0)) return undefined;
    return (await import('./compose-limits.ts')).limitsOf(this, this.surroundings);
  }

  /** The cache that this plan's profile, or the environment, shares with other machines. */
  async shared({ settings }: Plan, onWarning: (message: string) => void): Promise<RemoteCache | undefined> {
    return this.sharedAt(settings.remote ?? {}, onWarning);
  }

  /** As `shared`, with what a profile says of it. */
  async sharedAt(
    profile: RemoteSettings,
    onWarning: (message: string) => void,
  ): Promise<RemoteCache | undefined> {
    const { world } = this.surroundings;
    const remote = remoteSettings(profile, this.home, world.env);
    if (remote === undefined) return undefined;
    const { openRemote } = await import('./compose-remote.ts');
    return openRemote(remote, { projectDir: this.base, world, near: () => this.store, onWarning });
  }

  /** MLflow's API for one program; what it needs is loaded when it is first asked for. */
  readonly openRecorder: OpenRecorder = async (request) => {
    const { version, world } = this.surroundings;
    const openRecorder = await loadRecorder();
    return openRecorder(request, { version, now: () => world.clock.now() });
  };

  /** Ends the runs whose driver died, in the journal and in tracking; one whose tracking is out of reach waits. */
  async closeInterrupted(onWarning: (message: string) => void): Promise<void> {
    const now = this.surroundings.world.clock.now();
    await closeInterruptedRuns(this.home, {
      isAlive,
      endLeftover,
      endStrays,
      now,
      exclusively: (work) => immediate(this.store.index, work),
      settle: (run) => this.#runTracking.settle(run, now, onWarning),
    });
    if (existsSync(join(this.home, RECORDINGS)))
      await (await import('./compose-track.ts')).settleRecordings(this, this.surroundings, onWarning);
  }

  get #me(): ProcessIdentity {
    return identityOf(this.surroundings.pid);
  }

  get #runTracking(): RunTracking {
    return new RunTracking({
      store: this.store,
      home: this.home,
      projectDir: this.dir,
      tracking: (place) => this.trackingAt(place),
      alone: (name, work) => {
        const me = this.#me;
        return alone(new SingleFlight(this.store.index, me, `pid ${me.pid}`, isAlive), name, work);
      },
      user: this.user,
    });
  }
}

async function loadRecorder(): Promise<typeof OpenRecorderOfServer> {
  return (await import('./server/recorder.ts')).openRecorder;
}

export interface RunRequest {
  readonly selection: SelectionRequest;
  /** Without `jobs` as many attempts run at once as there are processors, or as workers have room for. */
  readonly flags: Omit<RunFlags, 'jobs'> & { readonly jobs?: number | undefined };
  /** Use a Redis for a fleet that throws keys away. */
  readonly isUnsafeRedis?: boolean;
  readonly offline: boolean;
  /** By the monotonic clock, milliseconds (default: when the process began). */
  readonly startedAt?: number;
  /** Whether it was submitted or scheduled. */
  readonly isSubmitted?: boolean;
  /** On a fleet, unless its profile says another (default: `normal`). */
  readonly priority?: Priority;
  /** By whose name a fleet knows that the run waits (default: the run's own). */
  readonly waiter?: string;
  /** What references stand for, if that is known. */
  readonly fixed?: FixedReferences;
  readonly signal: AbortSignal;
  readonly subscribers: readonly Subscriber[];
  readonly onWarning: (message: string) => void;
}

export function defaultJobs(): number {
  return availableParallelism();
}

function flagsOf({ flags }: RunRequest, fleet: Fleet | undefined): RunFlags {
  return {
    ...flags,
    get jobs() {
      return flags.jobs ?? fleet?.capacity ?? defaultJobs();
    },
  };
}

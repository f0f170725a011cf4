import { randomUUID } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Trackers } from './compose-tracking.ts';
import type { CardBlock } from './core/card-block.ts';
import type { RunFinished, Subscriber } from './core/events.ts';
import { runId } from './core/ids.ts';
import type { Addresses, Plan, PlanStep } from './core/plan.ts';
import type { World } from './core/world.ts';
import { immediate } from './db/sqlite.ts';
import { closeInterruptedRuns, markActive, PIPES } from './engine/active-runs.ts';
import { alone } from './engine/alone.ts';
import { describeStep } from './engine/describe-step.ts';
import { Driver } from './engine/driver.ts';
import { keptFingerprints } from './engine/history.ts';
import type { CardModule } from './engine/make-card.ts';
import { type CachedPlan, planOf } from './engine/plan-cache.ts';
import { preflight } from './engine/preflight.ts';
import type { OpenRecorder } from './engine/recorder-port.ts';
import { type FixedReferences, References } from './engine/references.ts';
import { RegisterEffect } from './engine/register-effect.ts';
import type { Registry } from './engine/registry-port.ts';
import { reproductionKeeper } from './engine/reproduction-keeper.ts';
import type { RunFlags } from './engine/run-options.ts';
import { dirtyTag } from './engine/run-tags.ts';
import { RunTracking } from './engine/run-tracking.ts';
import { type SelectionRequest, select } from './engine/selection.ts';
import { type ProcessIdentity, SingleFlight } from './engine/single-flight.ts';
import { trackedRunId } from './engine/tracked-plan.ts';
import type { Tracking } from './engine/tracking-port.ts';
import { LocalExecutor } from './executors/local/local-executor.ts';
import { LocalLauncher } from './executors/local/local-launcher.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import { endLeftover, endStrays } from './executors/local/spawn.ts';
import type { RecipeLocation } from './recipe/address.ts';
import type { Origin } from './recipe/origins.ts';
import type { ResolveRequest } from './recipe/resolve-recipe.ts';
import type { openRecorder as OpenRecorderOfServer } from './server/recorder.ts';
import { collectGarbage, defaultMaxBytes } from './store/gc.ts';
import { keepPlans, type PlanningIndex, planningIndex } from './store/planning-index.ts';
import type { Result } from './store/results.ts';
import { Store } from './store/store.ts';
import { readTree, treeSize } from './store/trees.ts';
import { listBlobs } from './store/walk-cache.ts';
import { type Places, placeName, placesOf } from './tracking/places.ts';
import type { Approvals } from './tracking/protection/approvals.ts';

const DAY_MS = 86_400_000;

/** Of programs that are being tracked, below the home. */
export const RECORDINGS = 'recordings';

/** The program runs from its source, or from what is built from it. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** What of the process and the package the wiring needs. */
export interface Surroundings {
  readonly world: World;
  readonly pid: number;
  readonly version: string;
  /** Folder of the package: what it ships lies below. */
  readonly packageDir: string;
  /** Node's executable. */
  readonly node: string;
}

/** A project that is open: its store, and what works on it. */
export class Project implements AsyncDisposable {
  readonly dir: string;
  readonly home: string;
  readonly #surroundings: Surroundings;
  #store: Store | undefined;
  #draft: PlanningIndex | undefined;
  readonly #trackers: Trackers;
  #flags: Addresses = {};
  /** Of the profile that was read last. */
  #addresses: Addresses = {};

  private constructor(dir: string, home: string, surroundings: Surroundings) {
    this.dir = dir;
    this.home = home;
    this.#surroundings = surroundings;
    this.#trackers = new Trackers({
      home,
      store: () => this.store,
      world: surroundings.world,
      actor: this.user ?? 'unknown',
    });
  }

  /** @param flags addresses that the command line names */
  static open(dir: string, surroundings: Surroundings, flags: Addresses = {}): Project {
    const home = surroundings.world.env['STOCKPOT_HOME'] ?? join(dir, '.stockpot');
    const project = new Project(dir, home, surroundings);
    project.#flags = flags;
    return project;
  }

  /** Whether nothing of this project is on this machine yet. */
  get isNew(): boolean {
    return this.#store === undefined && !existsSync(this.home);
  }

  /** The store, opened and made when first needed. */
  get store(): Store {
    if (this.#store !== undefined) return this.#store;
    const { env, clock } = this.#surroundings.world;
    this.#store = Store.open({ home: this.home, cache: env['STOCKPOT_CACHE'], now: () => clock.now() });
    if (this.#draft !== undefined) keepPlans(this.#draft.index, this.#store.index);
    return this.#store;
  }

  /** A plan that fails leaves nothing behind: in a new project it is made beside an index in memory. */
  get #planning(): PlanningIndex {
    if (!this.isNew) return this.store;
    const { clock } = this.#surroundings.world;
    this.#draft ??= planningIndex(() => clock.now());
    return this.#draft;
  }

  /** The plan of a recipe, from the plan cache if nothing it is made of has changed. */
  async plan(
    location: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
  ): Promise<CachedPlan> {
    const { version, world } = this.#surroundings;
    const request = this.#requestOf(location, profile, set);
    const plan = await planOf(request, {
      store: this.#planning,
      version,
      now: world.clock.now(),
      resolve: async () => {
        // Working a plan out makes garbage by the hundred MiB; `bin/recipe.js` keeps room for it small.
        setFlagsFromString('--semi-space-growth-factor=2');
        return (await import('./recipe/resolve-recipe.ts')).resolveRecipe(request);
      },
    });
    this.#addresses = plan.settings.addresses ?? {};
    return plan;
  }

  /** Takes the addresses of a profile, for commands that need no plan. */
  async useProfile(name: string | undefined): Promise<void> {
    if (name === undefined && !existsSync(join(this.dir, 'profiles', 'local.yaml'))) return;
    const { profileAddresses } = await import('./recipe/profile-addresses.ts');
    this.#addresses = profileAddresses(this.dir, name);
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

  #requestOf(
    { projectDir, file, name }: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
  ): ResolveRequest {
    const { packageDir, node, version, world } = this.#surroundings;
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
          store: this.#planning,
          projectDir,
          child: [node, this.#module('step/describe-child')],
          version,
          env: world.env,
        }),
    };
  }

  /** Where this command keeps runs and models. */
  get #places(): Places {
    const { env } = this.#surroundings.world;
    return placesOf({ flags: this.#flags, env, profile: this.#addresses });
  }

  /**
   * Tracked runs, opened when first asked for.
   *
   * @throws RecipeError ADDRESS_INVALID, DATABASE_UNREACHABLE, STORE_TOO_NEW
   */
  async tracking(): Promise<Tracking> {
    return this.#trackers.tracking(this.#places.tracking);
  }

  /** Name of the place where this command keeps runs; undefined for the home. */
  get place(): string | undefined {
    return placeName(this.#places.tracking);
  }

  /** Tracked runs at the place of a name. */
  async trackingAt(place: string | undefined): Promise<Tracking> {
    return this.#trackers.trackingOf(place, [this.#places.tracking]);
  }

  /** Registered models, opened when first asked for. It fails as `tracking` does. */
  readonly registry = async (): Promise<Registry> => this.#trackers.registry(this.#places.registry);

  /** Protected aliases where models are registered. */
  readonly approvals = async (): Promise<Approvals> => this.#trackers.approvals(this.#places.registry);

  /** Who works here, as the machine names them. */
  get user(): string | undefined {
    const { env } = this.#surroundings.world;
    return env['USER'] ?? env['LOGNAME'];
  }

  references(offline: boolean, fixed?: FixedReferences): References {
    const { world } = this.#surroundings;
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
    const { world, version } = this.#surroundings;
    const { env } = world;
    const me = this.#me;
    const roles = select(plan, request.selection);
    preflight(plan, roles, this.dir, env);
    const places = this.#places;
    // A database out of reach is known before anything is written; a server may come back meanwhile.
    if (places.tracking.kind === 'database') await this.tracking();
    if (places.registry.kind === 'database') await this.registry();
    await this.closeInterrupted(request.onWarning);
    const dirty = dirtyTag(this.dir, env);
    const id = runId(world.newRunId());
    await using executor = new LocalExecutor(
      {
        store: this.store,
        attemptsDir: join(this.home, 'attempts'),
        projectDir: this.dir,
        settings: plan.settings,
        world,
        run: id,
        version,
        openRecorder: this.openRecorder,
        shippedEntry: (component) => this.#shippedEntry(component),
      },
      this.#launcher(PIPES),
    );
    const mark = markActive(this.home, id, me);
    const tracked = await this.#runTracking.follow(
      { run: id, plan, place: placeName(places.tracking) },
      (error) => request.onWarning(`tracking could not be written: ${error.message}`),
    );
    void dirty.then((tags) => tracked.tag(tags));
    const driver = new Driver({
      id,
      plan,
      roles,
      projectDir: this.dir,
      home: this.home,
      store: this.store,
      executor,
      references: this.references(request.offline, request.fixed),
      effects: {
        register: new RegisterEffect(this.registry, {
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
      world,
      me,
      isAlive,
      signal: request.signal,
      // The monotonic clock starts with the process.
      startedAt: 0,
      subscribers: [tracked.take, ...request.subscribers],
      journaled: tracked.journaled,
      machine: { cpus: availableParallelism(), memoryBytes: totalmem() },
      flags: request.flags,
      expectWork: (step) => {
        if (step.action.kind === 'shipped' || (step.action.kind === 'own' && step.action.runtime === 'node'))
          executor.expect();
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
      this.#collectGarbageDaily(plan.settings.cacheMaxBytes);
    }
  }

  /** MLflow's API for one program; what it needs is loaded when it is first asked for. */
  readonly openRecorder: OpenRecorder = async (request) => {
    const { version, world } = this.#surroundings;
    const openRecorder = await loadRecorder();
    return openRecorder(request, { version, now: () => world.clock.now() });
  };

  /** Ends the runs whose driver died, in the journal and in tracking; one whose tracking is out of reach waits. */
  async closeInterrupted(onWarning: (message: string) => void): Promise<void> {
    const now = this.#surroundings.world.clock.now();
    await closeInterruptedRuns(this.home, {
      isAlive,
      endLeftover,
      endStrays,
      now,
      exclusively: (work) => immediate(this.store.index, work),
      settle: (run) => this.#runTracking.settle(run, now, onWarning),
    });
    if (existsSync(join(this.home, RECORDINGS)))
      await (await import('./compose-track.ts')).settleRecordings(this, this.#surroundings, onWarning);
  }

  get #me(): ProcessIdentity {
    return identityOf(this.#surroundings.pid);
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

  /** The blocks of a step's card, made in a process of its own. */
  async card(step: PlanStep, result: Result, signal: AbortSignal): Promise<readonly CardBlock[]> {
    const { world, node } = this.#surroundings;
    // What checks blocks takes longer to load than a run that does nothing.
    const { makeCard } = await import('./engine/make-card.ts');
    using launcher = this.#launcher('card-');
    return await makeCard(step, result, this.#cardModules(step), {
      store: this.store,
      launcher,
      child: [node, this.#module('step/card-child')],
      attemptsDir: join(this.home, 'attempts'),
      projectDir: this.dir,
      world,
      signal,
    });
  }

  /** Where a card may come from: the component, else what shows any output by its kind. */
  #cardModules({ action }: PlanStep): CardModule[] {
    const shown = { root: this.#root, entry: relative(this.#root, this.#module('report/card/output-card')) };
    if (action.kind === 'shipped') {
      const path = join(dirname(this.#shippedEntry(action.component)), `card.${EXTENSION}`);
      return existsSync(path) ? [{ root: this.#root, entry: relative(this.#root, path) }, shown] : [shown];
    }
    if (action.kind !== 'own') return [shown];
    const beside = join(dirname(action.entry), 'card.ts');
    if (
      basename(action.entry) === 'run.ts' ||
      existsSync(join(this.dir, dirname(action.entry), 'component.yaml'))
    )
      return existsSync(join(this.dir, beside)) ? [{ root: this.dir, entry: beside }, shown] : [shown];
    return action.runtime === 'node' ? [{ root: this.dir, entry: action.entry }, shown] : [shown];
  }

  #launcher(pipes: string): LocalLauncher {
    const { node, world } = this.#surroundings;
    return new LocalLauncher({
      node,
      childModule: this.#module('step/child'),
      hostModule: this.#module('executors/local/launch-host'),
      pipesDir: join(this.home, 'attempts', `${pipes}${randomUUID()}`),
      env: world.env,
    });
  }

  /** Absolute path of a module of this program. */
  #module(name: string): string {
    return fileURLToPath(new URL(`./${name}.${EXTENSION}`, import.meta.url));
  }

  /** The folder that holds `steps/` as they run: the package, or what is built from it. */
  get #root(): string {
    const { packageDir } = this.#surroundings;
    return EXTENSION === 'ts' ? packageDir : join(packageDir, 'dist');
  }

  #shippedEntry(component: string): string {
    return join(this.#root, 'steps', component, `run.${EXTENSION}`);
  }

  /** Once a day, after a run: the cache is brought back to its size. */
  #collectGarbageDaily(maxBytes: number | undefined): void {
    const now = this.#surroundings.world.clock.now();
    const mark = join(this.home, 'last-gc');
    const last = statSync(mark, { throwIfNoEntry: false })?.mtimeMs;
    if (last !== undefined && now - last < DAY_MS) return;
    writeFileSync(mark, '');
    if (last === undefined) return;
    const used = listBlobs(this.store.layout).reduce((sum, { size }) => sum + size, 0);
    const limit = maxBytes ?? defaultMaxBytes(this.store, used);
    if (used > limit)
      collectGarbage(this.store, {
        maxBytes: limit,
        now,
        dryRun: false,
        kept: keptFingerprints(this.store.index),
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trackers[Symbol.asyncDispose]();
    this.#draft?.index.close();
    this.#store?.[Symbol.dispose]();
  }
}

async function loadRecorder(): Promise<typeof OpenRecorderOfServer> {
  return (await import('./server/recorder.ts')).openRecorder;
}

export interface RunRequest {
  readonly selection: SelectionRequest;
  readonly flags: RunFlags;
  readonly offline: boolean;
  /** What references stand for, if that is known. */
  readonly fixed?: FixedReferences;
  readonly signal: AbortSignal;
  readonly subscribers: readonly Subscriber[];
  readonly onWarning: (message: string) => void;
}

export function defaultJobs(): number {
  return availableParallelism();
}

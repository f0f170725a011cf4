import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { RunEvent, RunFinished, Subscriber } from './core/events.ts';
import { runId } from './core/ids.ts';
import type { Plan } from './core/plan.ts';
import type { World } from './core/world.ts';
import { closeInterruptedRuns, markActive } from './engine/active-runs.ts';
import { Driver } from './engine/driver.ts';
import { type CachedPlan, planOf } from './engine/plan-cache.ts';
import { preflight } from './engine/preflight.ts';
import { References } from './engine/references.ts';
import type { RunFlags } from './engine/run-options.ts';
import { matching, type SelectionRequest, select } from './engine/selection.ts';
import { bootId, type ProcessIdentity } from './engine/single-flight.ts';
import { LocalExecutor } from './executors/local/local-executor.ts';
import { LocalLauncher } from './executors/local/local-launcher.ts';
import { endLeftover, startOf } from './executors/local/spawn.ts';
import type { RecipeLocation } from './recipe/address.ts';
import type { ResolveRequest } from './recipe/resolve-recipe.ts';
import { Store } from './store/store.ts';

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
export class Project implements Disposable {
  readonly dir: string;
  readonly home: string;
  readonly store: Store;
  readonly #surroundings: Surroundings;

  private constructor(dir: string, home: string, store: Store, surroundings: Surroundings) {
    this.dir = dir;
    this.home = home;
    this.store = store;
    this.#surroundings = surroundings;
  }

  static open(dir: string, surroundings: Surroundings): Project {
    const { env, clock } = surroundings.world;
    const home = env['STOCKPOT_HOME'] ?? join(dir, '.stockpot');
    const store = Store.open({ home, cache: env['STOCKPOT_CACHE'], now: () => clock.now() });
    return new Project(dir, home, store, surroundings);
  }

  /** The plan of a recipe, from the plan cache if nothing it is made of has changed. */
  async plan(
    location: RecipeLocation,
    profile: string | undefined,
    set: readonly string[],
  ): Promise<CachedPlan> {
    const { version, world } = this.#surroundings;
    const request = requestOf(location, profile, set, this.#surroundings.packageDir);
    return planOf(request, {
      store: this.store,
      version,
      now: world.clock.now(),
      resolve: async () => (await import('./recipe/resolve-recipe.ts')).resolveRecipe(request),
    });
  }

  references(offline: boolean): References {
    const { world } = this.#surroundings;
    return new References({
      store: this.store,
      registry: () => Promise.reject(new Error('Internal error: no registry')),
      projectDir: this.dir,
      clock: world.clock,
      env: world.env,
      offline,
    });
  }

  async run(plan: Plan, request: RunRequest): Promise<RunFinished> {
    const { world, pid, version, packageDir, node } = this.#surroundings;
    const { clock, env } = world;
    const me: ProcessIdentity = { pid, boot: bootId(), started: startOf(pid) ?? '' };
    const roles = select(plan, request.selection);
    preflight(plan, roles, this.dir, env);
    closeInterruptedRuns(this.home, { isAlive, endLeftover, now: clock.now() });
    const id = runId(world.newRunId());
    const source = import.meta.url.endsWith('.ts');
    await using executor = new LocalExecutor(
      {
        store: this.store,
        attemptsDir: join(this.home, 'attempts'),
        projectDir: this.dir,
        settings: plan.settings,
        world,
        run: id,
        version,
        shippedEntry: (component) =>
          source
            ? join(packageDir, 'steps', component, 'run.ts')
            : join(packageDir, 'dist', 'steps', component, 'run.js'),
      },
      new LocalLauncher({
        node,
        childModule: new URL(`./step/child.${source ? 'ts' : 'js'}`, import.meta.url).pathname,
        env,
      }),
    );
    using _active = markActive(this.home, id, me);
    const driver = new Driver({
      id,
      plan,
      roles,
      projectDir: this.dir,
      runDir: join(this.home, 'runs', id),
      store: this.store,
      executor,
      references: this.references(request.offline),
      effects: {},
      world,
      me,
      isAlive,
      signal: request.signal,
      subscribers: request.subscribers,
      machine: { cpus: availableParallelism(), memoryBytes: totalmem() },
      flags: request.flags,
      expectWork: (step) => {
        if (step.action.kind === 'shipped' || (step.action.kind === 'own' && step.action.runtime === 'node'))
          executor.expect();
      },
      trackedRunOf: () => '',
    });
    return await driver.run();
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}

export interface RunRequest {
  readonly selection: SelectionRequest;
  readonly flags: RunFlags;
  readonly offline: boolean;
  readonly signal: AbortSignal;
  readonly subscribers: readonly Subscriber[];
}

/** `--force`, or `--force=STEP` for some. */
export function forceFlag(plan: Plan, force: boolean | readonly string[]): RunFlags['force'] {
  if (typeof force === 'boolean') return () => force;
  const forced = new Set(
    force.flatMap((name) => plan.steps.filter((_, index) => matching(plan, name)[index])),
  );
  return (step) => forced.has(step);
}

export function defaultJobs(): number {
  return availableParallelism();
}

export function requestOf(
  location: RecipeLocation,
  profile: string | undefined,
  set: readonly string[],
  packageDir: string,
): ResolveRequest {
  return {
    projectDir: location.projectDir,
    file: location.file,
    name: location.name,
    profile,
    set,
    shippedDir: join(packageDir, 'steps'),
    templatesDir: join(packageDir, 'recipes', 'templates'),
  };
}

/** The events of a run of this machine, oldest first. */
export function readEvents(home: string, run: string): RunEvent[] {
  const path = join(home, 'runs', run, 'events-1.jsonl');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as RunEvent];
      } catch (error) {
        // The last line of a run that was cut off may be torn.
        if (error instanceof SyntaxError) return [];
        throw error;
      }
    });
}

function isAlive({ pid, boot, started }: ProcessIdentity): boolean {
  return boot === bootId() && started !== '' && startOf(pid) === started;
}

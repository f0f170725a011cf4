import type { Subscriber } from '../core/events.ts';
import type { RunId } from '../core/ids.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import type { World } from '../core/world.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import type { Store } from '../store/store.ts';
import type { MachineGpus } from './gpus.ts';
import type { LimitLedger } from './limits-port.ts';
import type { Effect, Executor } from './ports.ts';
import type { References } from './references.ts';
import type { Role } from './selection.ts';
import type { ProcessIdentity } from './single-flight.ts';

/** All that a run is given. */
export interface RunOptions {
  readonly id: RunId;
  readonly plan: Plan;
  /** One for each step of the plan. */
  readonly roles: readonly Role[];
  readonly projectDir: string;
  /** `.stockpot`: the journal and the links to the newest outputs lie below it. */
  readonly home: string;
  readonly store: Store;
  /** The cache that machines share, behind the store. */
  readonly shared: RemoteCache | undefined;
  readonly executor: Executor;
  readonly references: References;
  /** By the name that components give in `effect:`. */
  readonly effects: Readonly<Record<string, Effect>>;
  /** Whether it was submitted or scheduled: what `effects: submitted` asks for. */
  readonly isSubmitted: boolean;
  readonly world: World;
  readonly me: ProcessIdentity;
  readonly isAlive: (holder: ProcessIdentity) => boolean;
  readonly signal: AbortSignal;
  /** When the command was given, on the monotonic clock: what the run's duration counts from. */
  readonly startedAt: number;
  readonly subscribers: readonly Subscriber[];
  /** Called when all events so far are in the journal. */
  readonly journaled: () => void;
  readonly machine: Machine;
  /** Where the named limits of the plan's profile are kept; undefined if it has none. */
  readonly limits: LimitLedger | undefined;
  readonly flags: RunFlags;
  /** Called when a step is about to be executed, so that the executor can get ready. */
  readonly expectWork: (step: PlanStep) => void;
  /** Id of the tracked run of this run. */
  readonly trackedRun: string;
}

/** What this machine has to give to steps. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly gpus: MachineGpus;
  /** Whether the step runs on another machine, whose GPUs are not these. */
  readonly isElsewhere: (step: PlanStep) => boolean;
}

export interface RunFlags {
  /** Execute these steps whatever the cache holds, and replace it. */
  readonly force: (step: PlanStep) => boolean;
  readonly keepGoing: boolean;
  /** Attempts at once. */
  readonly jobs: number;
  readonly allowChangingInputs: boolean;
}

import type { Outputs, ReportEntry } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import type { Digest, Fingerprint, StepId } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import type { PlanStep } from '../core/plan.ts';
import type { MadeStep } from './made-steps.ts';

/** Runs one attempt at a step somewhere. `executors/` implements it. */
export interface Executor {
  /**
   * Runs the step and publishes its result. Never rejects for what a step did: that is an outcome.
   * Aborting `signal` ends the step's process group and gives a `cancelled` failure.
   */
  execute(task: Task, hooks: TaskHooks, signal: AbortSignal): Promise<AttemptOutcome>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A step with its inputs resolved: what an attempt needs to know. */
export interface Task {
  readonly step: PlanStep;
  readonly fingerprint: Fingerprint;
  /** The canonical text of the task document. */
  readonly document: string;
  readonly inputs: readonly ResolvedInput[];
  /** Project files to copy into `work/`: project-relative path and digest. */
  readonly code: readonly { readonly path: string; readonly digest: Digest }[];
  readonly attempt: number;
  readonly threads: number;
  /** The GPUs that the step may see, which are its own; undefined if nothing is said of them. */
  readonly gpus: readonly string[] | undefined;
  /** Replace a complete result (`--force`, `cache: never`, a lapsed ttl). */
  readonly replace: boolean;
  readonly allowChangingInputs: boolean;
  /** Begin anew, whatever an attempt left in its checkpoint. */
  readonly fresh: boolean;
}

/** One named input of an attempt. */
export type ResolvedInput = { readonly name: string; readonly kind: string; readonly digest: Digest } & (
  | {
      readonly from: 'store';
      /** `.parquet`, so that programs that go by it are not misled; may be empty. */
      readonly extension: string;
    }
  /** A file or folder of the project, given as links to the files themselves. */
  | {
      readonly from: 'project';
      readonly files: readonly { readonly path: string; readonly name: string; readonly digest: Digest }[];
    }
  /** All cells of a matrix: a folder with an entry for each. */
  | {
      readonly from: 'cells';
      readonly cells: readonly {
        readonly cell: string;
        readonly digest: Digest;
        readonly kind: string;
        readonly extension: string;
      }[];
    }
  /** Several references under one name: a folder of numbered entries. */
  | {
      readonly from: 'list';
      readonly items: readonly { readonly name: string; readonly input: ResolvedInput }[];
    }
  /** An alias that does not exist: the step does not see the input. */
  | { readonly from: 'none' }
);

export interface TaskHooks {
  /** Something outside this run holds the attempt back: `the queue gpu, which no worker takes from`. */
  readonly waiting: (holder: string) => void;
  /** The attempt is under way, on this worker if it is elsewhere. */
  readonly started: (worker?: string) => void;
  readonly output: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly report: (entry: ReportEntry) => void;
  /** The process has ended: what is left to do, hashing and writing, needs none of the step's resources. */
  readonly exited: () => void;
}

export type AttemptOutcome =
  | {
      readonly ok: true;
      readonly outputs: Outputs;
      readonly durationMs: number;
      readonly published: boolean;
      readonly report: readonly ReportEntry[];
      /** Names of another output set of the same fingerprint that was there before. */
      readonly nonDeterministic?: readonly string[];
    }
  | { readonly ok: false; readonly failure: Failure; readonly logTail: string; readonly durationMs: number };

/** Reconciles the outside with what a step asked for. One for each `effect:` that a component names. */
export interface Effect {
  reconcile(request: EffectRequest): Promise<EffectOutcome>;
}

export interface EffectRequest {
  readonly step: StepId;
  /** The JSON document that the step wrote as its output `request`. */
  readonly request: Json;
  /** Digest of each input and output of the step, by name. */
  readonly digests: Readonly<Record<string, Digest>>;
  /** The tracked run of this run. */
  readonly trackedRun: string;
  /** The alias whose model the verdict was given against: it moves only from there. */
  readonly gate: { readonly model: string; readonly alias: string } | undefined;
  /** All steps that the step needs; undefined if the project has changed since they were done. */
  readonly made: () => readonly MadeStep[] | undefined;
  /** Says how far it is, as steps do. */
  readonly report: (entry: ReportEntry) => void;
}

export type EffectOutcome =
  | { readonly kind: 'done'; readonly before: Json; readonly after: Json }
  | { readonly kind: 'unchanged'; readonly state: Json }
  | { readonly kind: 'pending'; readonly state: Json; readonly promotion: string }
  | { readonly kind: 'skipped'; readonly because: string };

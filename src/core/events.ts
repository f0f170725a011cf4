import type { Failure } from './failure.ts';
import type { Digest, Fingerprint, RunId, StepId } from './ids.ts';
import type { Json } from './json.ts';
import type { OutputKind } from './kinds.ts';

/**
 * One thing that happened during a run. The ordered list of these is the run: the live view, the
 * journal, tracking, `--json` and the tests all read it, and nothing else. Every event is plain JSON.
 */
export type RunEvent = RunStarted | ReferenceResolved | StepEvent | EffectEvent | RunWarning | RunFinished;

export type StepEvent =
  | StepWaiting
  | StepStarted
  | StepOutput
  | StepReport
  | StepRetrying
  | StepCached
  | StepSucceeded
  | StepFailed
  | StepSkipped
  | StepCancelled
  | StepRewound;

export type EffectEvent = EffectDone | EffectUnchanged | EffectPending | EffectSkipped | EffectFailed;

/** An event as the emitter writes it: the journal adds `seq` and `at`. */
export type Unstamped<E = RunEvent> = E extends RunEvent ? Omit<E, 'seq' | 'at'> : never;

interface Event<T extends string> {
  readonly type: T;
  /** 1 for the first event of a run, then without gaps. */
  readonly seq: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

interface OfStep<T extends string> extends Event<T> {
  readonly step: StepId;
}

export interface RunStarted extends Event<'run.started'> {
  /** Version of the event format. */
  readonly v: 1;
  readonly run: RunId;
  readonly recipe: string;
  readonly profile?: string;
  /** Steps of this run, in the order of the plan. */
  readonly steps: readonly StepId[];
  /** Steps of the recipe that this run leaves out (`--from`, `--until`, `--only`, `when: false`). */
  readonly omitted: readonly StepId[];
  /** Seconds of work expected from recorded durations; absent if a step was never seen. */
  readonly expectedMs?: number;
}

/** What is mutable outside (an alias, a URL) was looked at, once for this run. */
export interface ReferenceResolved extends OfStep<'reference.resolved'> {
  readonly input: string;
  /** As written: `models:/flight-delay@champion`, `https://…`. */
  readonly reference: string;
  /** `none` where an alias does not exist. */
  readonly digest: Digest | 'none';
}

/** The step could run but something holds it back. */
export interface StepWaiting extends OfStep<'step.waiting'> {
  readonly reason: 'single-flight' | 'limit' | 'resources' | 'queue';
  /** Who holds it: `pid 4711`, the name of a limit, a queue and what it lacks. */
  readonly holder: string;
}

export interface StepStarted extends OfStep<'step.started'> {
  readonly fingerprint: Fingerprint;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Why it was not taken from the cache: the root cause in one line, as `explain` gives it. */
  readonly because?: string;
  /** Of a fleet, that has begun it; absent elsewhere, and where it was not heard of. */
  readonly worker?: string;
}

/** A piece of the step's log, at most 64 KiB, whole lines where it can be. */
export interface StepOutput extends OfStep<'step.output'> {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** A line of the step's report: progress, a metric, a parameter, a tag. */
export interface StepReport extends OfStep<'step.report'> {
  readonly entry: ReportEntry;
}

/** What a step may append to its report, one JSON object a line. `docs/step-protocol.md` describes it. */
export type ReportEntry =
  | {
      readonly type: 'metric';
      readonly key: string;
      /** JSON has no number for it: `NaN` is a text. */
      readonly value: number | 'NaN';
      readonly step?: number;
      readonly at?: number;
      readonly run?: string;
    }
  | { readonly type: 'param'; readonly key: string; readonly value: string; readonly run?: string }
  | { readonly type: 'tag'; readonly key: string; readonly value: string; readonly run?: string }
  | {
      readonly type: 'progress';
      readonly done: number;
      readonly total?: number;
      /** `rows`, `trees`, `bytes`. */
      readonly unit?: string;
      readonly note?: string;
      /** Of what comes from the shared cache for the step, `total` of it once all is here; absent: of the step itself. */
      readonly of?: 'inputs';
    }
  | {
      readonly type: 'dataset';
      readonly name: string;
      readonly digest: string;
      readonly source: string;
      /** `training`, `validation`, `test` … */
      readonly context?: string;
      readonly schema?: Json;
      readonly profile?: Json;
      /** MLflow's kind of `source`, which then is the JSON that MLflow's client gave. */
      readonly source_type?: string;
      readonly run?: string;
    }
  | RecordedEntry
  | { readonly type: 'warning'; readonly message: string };

/** What the recorder of a step with `mlflow: true` adds to its report; no step writes these itself. */
export type RecordedEntry =
  /** A run below the step's own. Entries with its number as their `run` are of it. */
  | {
      readonly type: 'run';
      readonly run: string;
      readonly name: string;
      readonly status: 'FINISHED' | 'FAILED' | 'KILLED';
      /** Number of the run that it is below, if that is not the step's own. */
      readonly parent?: string;
      /** Milliseconds since the Unix epoch. */
      readonly startTime?: number;
      readonly endTime?: number;
    }
  /** A file or folder that was logged; its bytes are in the store. */
  | (OutputRef & { readonly type: 'artifact'; readonly path: string; readonly run?: string });

export interface StepRetrying extends OfStep<'step.retrying'> {
  readonly attempt: number;
  readonly failure: Failure;
  readonly delayMs: number;
}

/** The outputs of a step, by name. */
export type Outputs = Readonly<Record<string, OutputRef>>;

export interface OutputRef {
  readonly digest: Digest;
  /** Bytes; of a folder, the sum of its files. */
  readonly size: number;
  readonly kind: OutputKind;
}

/** The step did not run: the result of this very fingerprint was there. */
export interface StepCached extends OfStep<'step.cached'> {
  readonly fingerprint: Fingerprint;
  readonly outputs: Outputs;
  /** How long it took when it ran: what the hit saved. */
  readonly savedMs: number;
}

export interface StepSucceeded extends OfStep<'step.succeeded'> {
  readonly fingerprint: Fingerprint;
  readonly outputs: Outputs;
  readonly durationMs: number;
  /** Absent if its inputs changed while it ran and `--allow-changing-inputs` let that pass. */
  readonly published: boolean;
}

export interface StepFailed extends OfStep<'step.failed'> {
  readonly failure: Failure;
  readonly attempt: number;
  /** Last lines of the log, at most 4 KiB. */
  readonly logTail: string;
}

/** The step never started: a step it needs did not succeed, or its `when` is false. */
export interface StepSkipped extends OfStep<'step.skipped'> {
  readonly because: StepId | 'when';
}

export interface StepCancelled extends OfStep<'step.cancelled'> {
  readonly reason: string;
}

/** A blob of its result was missing or wrong when needed: the step runs again in this run. */
export interface StepRewound extends OfStep<'step.rewound'> {
  readonly digest: Digest;
  readonly neededBy: StepId;
}

/** The outside was brought to what the step's request says. */
export interface EffectDone extends OfStep<'effect.done'> {
  readonly effect: string;
  readonly before: Json;
  readonly after: Json;
}

export interface EffectUnchanged extends OfStep<'effect.unchanged'> {
  readonly effect: string;
  readonly state: Json;
}

/** Somebody has to approve first: the alias that it moves is protected. */
export interface EffectPending extends OfStep<'effect.pending'> {
  readonly effect: string;
  /** What will be when it is approved. */
  readonly state: Json;
  /** The number of what waits. */
  readonly promotion: string;
  /** What somebody else types: `recipe models approve 7`. */
  readonly approve: string;
}

export interface EffectSkipped extends OfStep<'effect.skipped'> {
  readonly effect: string;
  /** `the verdict is REJECTED`, `effects: none`, `unpublished`. */
  readonly because: string;
}

export interface EffectFailed extends OfStep<'effect.failed'> {
  readonly effect: string;
  readonly error: { readonly code?: string; readonly message: string; readonly hint?: string };
}

export interface RunWarning extends Event<'run.warning'> {
  readonly message: string;
  readonly step?: StepId;
}

export interface RunFinished extends Event<'run.finished'> {
  readonly outcome: RunOutcome;
  readonly durationMs: number;
  readonly counts: RunCounts;
  /** What the cached steps took when they ran. */
  readonly savedMs: number;
}

/** `interrupted`: the driver died, and a later command closed the run. */
export type RunOutcome = 'succeeded' | 'failed' | 'cancelled' | 'interrupted';

export interface RunCounts {
  readonly cached: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
}

/** Where stamped events go. Must not throw: a broken progress bar must not break a run. */
export type Subscriber = (event: RunEvent) => void;

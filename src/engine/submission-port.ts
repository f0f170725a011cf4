import type { RunEvent } from '../core/events.ts';

/**
 * Where a submitted run stands.
 *
 *     waiting ──▶ running ──▶ succeeded · failed
 *        │ ▲─────────┘ └────▶ cancelled
 *        └────────────────────────▲
 */
export type SubmissionState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What of a recipe was submitted, and how it is to be run. */
export interface SubmittedRecipe {
  readonly file: string;
  readonly recipe: string;
  readonly profile?: string | undefined;
  readonly set: readonly string[];
  readonly selection: {
    readonly from?: string | undefined;
    readonly until?: string | undefined;
    readonly only?: string | undefined;
  };
  readonly force: boolean | readonly string[];
  readonly keepGoing: boolean;
  /** When it was submitted: what `tick.at` stands for. */
  readonly at: number;
}

/** A run that was accepted: some driver brings it to its end. Times in milliseconds since the Unix epoch. */
export interface Submission {
  /** The id of its first run; it keeps it, whoever drives it. */
  readonly id: string;
  /** The folder that it was submitted from. */
  readonly projectDir: string;
  readonly settings: SubmittedRecipe;
  /** Digest of what it runs: recipe, profile, code, `./` inputs. */
  readonly snapshot: string;
  /** The store that it lies in, and the shared cache if there is one: who reads either may drive the run. */
  readonly place: string;
  readonly remote: string | undefined;
  readonly submittedAt: number;
  readonly submittedBy: string;
  /** The user of a server who submitted it there, and who may follow and cancel it there. */
  readonly owner: string | undefined;
  readonly state: SubmissionState;
  /** Raised by each driver that takes it: who holds an older one no longer writes. */
  readonly epoch: number;
  /** How often its driver was lost. */
  readonly losses: number;
  readonly driver: string | undefined;
  readonly leaseUntil: number | undefined;
  /** The run of this epoch. */
  readonly run: string | undefined;
  readonly isCancelled: boolean;
  readonly note: string | undefined;
  readonly endedAt: number | undefined;
}

export type NewSubmission = Pick<
  Submission,
  'id' | 'projectDir' | 'settings' | 'snapshot' | 'place' | 'remote' | 'submittedAt' | 'submittedBy' | 'owner'
>;

/** Where a reader of a submitted run's events stands: behind this one. */
export interface EventCursor {
  readonly epoch: number;
  readonly seq: number;
}

export interface SubmissionEvent extends EventCursor {
  readonly event: RunEvent;
}

/** Where runs are submitted, as who submits sees it: the ledger, or a server that has it. */
export interface SubmissionDesk extends AsyncDisposable {
  /** Accepts a run: once this resolves some driver will end it. */
  readonly accept: (one: OfferedRun) => Promise<Submission>;
  /** Runs whose id begins so, three at most; without a beginning all those that go on. */
  readonly search: (start: string | undefined) => Promise<readonly Submission[]>;
  /** As it is now; undefined if it was forgotten meanwhile. */
  readonly read: (id: string) => Promise<Submission | undefined>;
  /** Undefined: it had ended. */
  readonly cancel: (id: string) => Promise<'cancelled' | 'told' | undefined>;
  /** What a run said behind the cursor, in order; at most so many as `limit`. */
  readonly events: (id: string, cursor: EventCursor, limit: number) => Promise<readonly SubmissionEvent[]>;
}

/** What whoever submits a run says of it. */
export type OfferedRun = Omit<NewSubmission, 'submittedAt' | 'owner'>;

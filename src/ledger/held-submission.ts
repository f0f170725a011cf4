import type { RunEvent } from '../core/events.ts';
import { every } from '../core/every.ts';
import type { Clock } from '../core/world.ts';
import type { Database, Sql } from '../db/sql.ts';
import { RunLeft } from '../engine/run-left.ts';
import type { Submission } from '../engine/submission-port.ts';
import { ProvedLease } from './proved-lease.ts';
import { addSubmissionEvents, type NumberedEvent } from './submission-events.ts';
import { nameSubmittedRun, noteSubmission, renewSubmission } from './submissions.ts';

/** So often the lease is renewed, and looked whether somebody cancels. */
const RENEW_MS = 2000;
/** So often what a run says is written down. */
const FLUSH_MS = 250;
/** Characters of output that the ledger keeps of a run: the whole log is a blob. */
const MOST_OUTPUT = 1 << 20;
const LOST = {
  taken: 'another driver has the run',
  away: 'the ledger is away for longer than the lease',
} as const;

export interface HoldOptions {
  readonly ledger: Database;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** By the ledger's clock. */
  readonly now: (sql: Sql) => Promise<number>;
}

/**
 * A submitted run that this driver has: its lease is renewed, and what it says written down, until disposed of. A
 * driver that cannot prove for a lease's time that the run is its own stops, and leaves it to the next.
 */
export class HeldSubmission implements AsyncDisposable {
  readonly submission: Submission;
  readonly #options: HoldOptions;
  readonly #stop = new AbortController();
  readonly #lease: ProvedLease;
  readonly #flushing: AsyncDisposable;
  #isCancelled = false;
  #pending: NumberedEvent[] = [];
  #said = 0;
  #output = 0;

  constructor(submission: Submission, options: HoldOptions) {
    this.submission = submission;
    this.#options = options;
    this.#isCancelled = submission.isCancelled;
    const { clock, leaseMs } = options;
    this.#lease = new ProvedLease({
      clock,
      leaseMs,
      renewMs: RENEW_MS,
      since: clock.monotonic(),
      renew: async () => this.#renew(),
      onLost: (how) => this.leave(new RunLeft(LOST[how])),
    });
    this.#flushing = every(clock, FLUSH_MS, async () => this.#flush().catch(() => {}));
  }

  /** Aborts when the run is to stop here: `isCancelled` says whether it is to stop everywhere. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** Whether nobody else can have taken the run yet. */
  get isProvable(): boolean {
    return this.#lease.isProvable;
  }

  /** Stops the run here, for another driver to go on with. */
  leave(reason: RunLeft): void {
    this.#stop.abort(reason);
  }

  /** Takes what the run says. */
  readonly take = (event: RunEvent): void => {
    if (event.type === 'step.output') {
      this.#output += event.text.length;
      if (this.#output > MOST_OUTPUT) return;
    }
    this.#said += 1;
    this.#pending.push({ seq: this.#said, event });
  };

  /** Says which run this driver begins. */
  async name(run: string): Promise<void> {
    if (!(await this.#options.ledger.write((sql) => nameSubmittedRun(sql, this.submission, run))))
      this.leave(new RunLeft(LOST.taken));
  }

  /** Says, for whoever waits for the run, what it waits for. */
  async note(text: string): Promise<void> {
    await this.#options.ledger.write((sql) => noteSubmission(sql, this.submission, text));
  }

  /** Writes down all that was said. It fails as the ledger does. */
  async settle(): Promise<void> {
    await this.#flushing[Symbol.asyncDispose]();
    await this.#flush();
  }

  /** False: another driver has the run. */
  async #renew(): Promise<boolean> {
    const { ledger, leaseMs, now } = this.#options;
    const hold = await ledger.write(async (sql) =>
      renewSubmission(sql, this.submission, (await now(sql)) + leaseMs),
    );
    if (hold === 'cancelled') this.#cancel();
    return hold !== 'lost';
  }

  #cancel(): void {
    this.#isCancelled = true;
    this.#stop.abort();
  }

  async #flush(): Promise<void> {
    const events = this.#pending;
    if (events.length === 0) return;
    this.#pending = [];
    try {
      const { ledger } = this.#options;
      if (!(await ledger.write((sql) => addSubmissionEvents(sql, this.submission, events))))
        this.leave(new RunLeft(LOST.taken));
    } catch (error) {
      this.#pending.unshift(...events);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing[Symbol.asyncDispose]();
    await this.#lease[Symbol.asyncDispose]();
  }
}

import type { Clock } from '../core/world.ts';
import type { Database, Sql } from '../db/sql.ts';
import type {
  EventCursor,
  OfferedRun,
  Submission,
  SubmissionDesk,
  SubmissionEvent,
} from '../engine/submission-port.ts';
import { ledgerNow } from './ledger-clock.ts';
import { readSubmissionEvents } from './submission-events.ts';
import {
  cancelSubmission,
  findSubmissions,
  forgetSubmissions,
  openSubmissions,
  readSubmission,
  submit,
} from './submissions.ts';

/** So long after its end a run can be attached to and retried. */
const KEPT_MS = 30 * 86_400_000;

/** Submitted runs, as the ledger has them. */
export class LedgerDesk implements SubmissionDesk {
  readonly #ledger: Database;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onForgotten: (id: string) => void;

  /** @param onForgotten told of each run that ended a month ago, and is gone now */
  constructor(
    ledger: Database,
    { clock, onForgotten }: { clock: Pick<Clock, 'now'>; onForgotten: (id: string) => void },
  ) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#onForgotten = onForgotten;
  }

  /** @param owner the user who submits it, where users sign in */
  async accept(one: OfferedRun, owner?: string): Promise<Submission> {
    const [accepted, forgotten] = await this.#ledger.write(async (sql) => {
      const submittedAt = await this.#now(sql);
      await submit(sql, { ...one, submittedAt, owner });
      const gone = await forgetSubmissions(sql, submittedAt - KEPT_MS);
      return [await readSubmission(sql, one.id), gone] as const;
    });
    for (const id of forgotten) this.#onForgotten(id);
    if (accepted === undefined) throw new Error(`Internal error: the run ${one.id} is gone`);
    return accepted;
  }

  /** @param owner whose runs alone are looked for by their beginning */
  async search(start: string | undefined, owner?: string): Promise<readonly Submission[]> {
    return this.#ledger.read((sql) =>
      start === undefined ? openSubmissions(sql) : findSubmissions(sql, start, owner),
    );
  }

  async read(id: string): Promise<Submission | undefined> {
    return this.#ledger.read((sql) => readSubmission(sql, id));
  }

  async cancel(id: string): Promise<'cancelled' | 'told' | undefined> {
    return this.#ledger.write(async (sql) => cancelSubmission(sql, id, await this.#now(sql)));
  }

  async events(id: string, cursor: EventCursor, limit: number): Promise<readonly SubmissionEvent[]> {
    return this.#ledger.read((sql) => readSubmissionEvents(sql, id, cursor, limit));
  }

  async #now(sql: Sql): Promise<number> {
    return ledgerNow(sql, () => this.#clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger[Symbol.asyncDispose]();
  }
}

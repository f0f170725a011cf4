import { failpoint } from '../core/failpoint.ts';
import { isUnavailable, RecipeError } from '../core/recipe-error.ts';
import type { Clock } from '../core/world.ts';
import type { Database, Sql } from '../db/sql.ts';
import { RunLeft } from '../engine/run-left.ts';
import type { Submission } from '../engine/submission-port.ts';
import { HeldSubmission } from './held-submission.ts';
import { ledgerNow } from './ledger-clock.ts';
import {
  claimSubmission,
  endSubmission,
  readSubmission,
  releaseSubmission,
  type SubmissionEnd,
  strangeSnapshots,
} from './submissions.ts';

/** Another driver takes over what was not renewed for so long, by the ledger's clock. */
const LEASE_MS = 12_000;
/** Runs that others submit are seen after this time. */
const LOOK_MS = 1000;
/** So long after something that a run needs was out of reach it is tried again. */
export const AGAIN_MS = 5000;
/** What is out of reach for so long does not come back: the run has failed, and its place is free. */
export const MOST_WAIT_MS = 24 * 60 * 60 * 1000;
/** Drivers that a run may lose before it is taken for one that kills them. */
const MOST_LOSSES = 5;
const CLOSE_AGAIN_MS = 500;
/** Snapshots that are asked for at once. */
const MOST_STRANGE = 100;

export type DriveState = 'running' | 'waiting' | 'given-back' | 'lost' | SubmissionEnd['state'];

/** How a driver's part of a run ends. */
export type DriveEnd = Omit<SubmissionEnd, 'at'> | 'given-back';

export interface DriveRequest {
  /** Runs at once. */
  readonly slots: number;
  /** Names this driver, for people. */
  readonly by: string;
  /** Ends it: its runs are given back, and what of them runs elsewhere goes on. */
  readonly signal: AbortSignal;
  readonly once: boolean;
  readonly onChange: (submission: Submission, state: DriveState, note?: string) => void;
  readonly onWarning: (message: string) => void;
}

/** What a driver has, whatever it runs. */
export interface DriverPlace {
  readonly ledger: Database;
  readonly clock: Clock;
  /** The store whose snapshots it can read, and the shared cache if there is one. */
  readonly place: string;
  readonly remote: string | undefined;
  /** Which of these snapshots can be read too, whatever the place is called where they were put. */
  readonly readable?: (snapshots: readonly string[]) => Promise<readonly string[]>;
  /** Runs what was submitted until it has ended, or the run's signal says so. */
  readonly run: (held: HeldSubmission) => Promise<DriveEnd>;
  /** So long it is begun again when something that it needs is out of reach, milliseconds; a day if nothing is said. */
  readonly mostWaitMs?: number;
}

/** Brings submitted runs to their ends. Any number may do so at once: a run has one driver. */
export class SubmissionDriver {
  readonly #place: DriverPlace;
  readonly #request: DriveRequest;
  readonly #running = new Set<Promise<void>>();
  #strangeAt = -Infinity;

  constructor(place: DriverPlace, request: DriveRequest) {
    this.#place = place;
    this.#request = request;
  }

  /**
   * Until the signal says so, and then until its runs are given back; `once` also until none waits that it can
   * take and all that it took have ended. A ledger that is away is waited for.
   */
  async serve(): Promise<void> {
    const { signal, slots, onWarning, once } = this.#request;
    let said = '';
    while (!signal.aborted) {
      try {
        while (this.#running.size < slots && !signal.aborted) {
          const taken = (await this.#claim()) ?? (await this.#claimStrange());
          if (taken === undefined) {
            if (once && this.#running.size === 0) return;
            break;
          }
          const done = this.#drive(taken).finally(() => this.#running.delete(done));
          this.#running.add(done);
        }
        said = '';
      } catch (error) {
        const message = `submitted runs could not be looked for: ${String(error)}`;
        if (message !== said) onWarning(message);
        said = message;
      }
      await this.#place.clock.sleep(LOOK_MS, signal).catch(() => {});
    }
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Now and then: what lies in a cache that others call by another name. */
  async #claimStrange(): Promise<Submission | undefined> {
    const { ledger, clock, place, remote, readable } = this.#place;
    if (readable === undefined || clock.monotonic() < this.#strangeAt) return undefined;
    this.#strangeAt = clock.monotonic() + AGAIN_MS;
    const strange = await ledger.read(async (sql) =>
      strangeSnapshots(sql, { place, remote, now: await this.#now(sql) }, MOST_STRANGE),
    );
    const found = strange.length === 0 ? [] : await readable(strange);
    return found.length === 0 ? undefined : this.#claim(found);
  }

  async #claim(snapshots: readonly string[] = []): Promise<Submission | undefined> {
    const { ledger, place, remote } = this.#place;
    return ledger.write(async (sql) =>
      claimSubmission(sql, {
        place,
        remote,
        snapshots,
        by: this.#request.by,
        now: await this.#now(sql),
        leaseMs: LEASE_MS,
        mostLosses: MOST_LOSSES,
      }),
    );
  }

  /** Never rejects: what goes wrong is how the run ends, or it is left to the next driver. */
  async #drive(submission: Submission): Promise<void> {
    const { ledger, clock } = this.#place;
    const { signal, onChange } = this.#request;
    failpoint('submission.claimed');
    onChange(submission, 'running');
    const held = new HeldSubmission(submission, {
      ledger,
      clock,
      leaseMs: LEASE_MS,
      now: async (sql) => this.#now(sql),
    });
    const leave = (): void => held.leave(new RunLeft('the driver was told to end'));
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    try {
      const end = await this.#end(held);
      failpoint('submission.before-end');
      const isOurs = await this.#close(held, end);
      failpoint('submission.after-end');
      const state = end === 'given-back' ? end : end.state;
      onChange(submission, isOurs ? state : 'lost', end === 'given-back' ? undefined : end.note);
    } catch (error) {
      // The ledger cannot be written: the lease lapses, and another driver goes on.
      onChange(submission, 'lost', String(error));
    } finally {
      signal.removeEventListener('abort', leave);
      await held[Symbol.asyncDispose]();
    }
  }

  /**
   * Writes down how the run ended, after all that it said; again as long as nobody else can have it, if that fails. False:
   * another driver has it.
   */
  async #close(held: HeldSubmission, end: DriveEnd): Promise<boolean> {
    const { ledger, clock } = this.#place;
    const { submission } = held;
    for (;;)
      try {
        await held.settle();
        const isOurs = await ledger.write(async (sql) =>
          end === 'given-back'
            ? releaseSubmission(sql, submission, 'its driver was told to end')
            : endSubmission(sql, submission, { ...end, at: await this.#now(sql) }),
        );
        if (isOurs) return true;
        // Perhaps it was written, and that was not heard.
        const now = await ledger.read((sql) => readSubmission(sql, submission.id));
        return now?.epoch === submission.epoch && now.state !== 'running';
      } catch (error) {
        if (!held.isProvable) throw error;
        await clock.sleep(CLOSE_AGAIN_MS);
      }
  }

  /** What is out of reach is waited for, under the same lease, for a day. */
  async #end(held: HeldSubmission): Promise<DriveEnd> {
    const { clock, run, mostWaitMs = MOST_WAIT_MS } = this.#place;
    let since: number | undefined;
    for (;;) {
      if (held.isCancelled) return { state: 'cancelled' };
      if (held.signal.aborted) return 'given-back';
      try {
        return await run(held);
      } catch (error) {
        if (!(error instanceof RecipeError)) return { state: 'failed', note: String(error) };
        const note = `${error.code}: ${error.message}`;
        if (!isUnavailable(error)) return { state: 'failed', note };
        since ??= clock.monotonic();
        if (clock.monotonic() - since >= mostWaitMs) return { state: 'failed', note };
        this.#request.onChange(held.submission, 'waiting', note);
        await held.note(note).catch(() => {});
        await clock.sleep(AGAIN_MS, held.signal).catch(() => {});
      }
    }
  }

  async #now(sql: Sql): Promise<number> {
    return ledgerNow(sql, () => this.#place.clock.now());
  }
}

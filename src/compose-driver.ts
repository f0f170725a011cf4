import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { remoteSettings } from './compose-link.ts';
import { inSnapshot } from './compose-snapshot.ts';
import { placeOf } from './compose-submissions.ts';
import { ExitCode } from './core/exit-code.ts';
import { failpoint } from './core/failpoint.ts';
import type { Digest } from './core/ids.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { Database } from './db/sql.ts';
import { livingMarks } from './engine/active-runs.ts';
import { forceFlag } from './engine/force-flag.ts';
import { journalPath } from './engine/read-journal.ts';
import { RunLeft } from './engine/run-left.ts';
import { isAlive } from './executors/local/process-identity.ts';
import { HeldSubmission } from './ledger/held-submission.ts';
import { ledgerNow } from './ledger/ledger-clock.ts';
import {
  claimSubmission,
  endSubmission,
  releaseSubmission,
  type Submission,
  type SubmissionEnd,
} from './ledger/submissions.ts';
import { hasTree } from './store/has-tree.ts';
import type { RemoteCache } from './store/remote/remote-cache.ts';

/** Another driver takes over what was not renewed for so long, by the ledger's clock. */
const LEASE_MS = 12_000;
/** Runs that others submit are seen after this time. */
const LOOK_MS = 1000;
/** So long after something that a run needs was out of reach it is tried again. */
const AGAIN_MS = 5000;
/** Drivers that a run may lose before it is taken for one that kills them. */
const MOST_LOSSES = 5;
/** Below the home: what submitted runs run. */
const FOLDER = 'submitted';
const DAY_MS = 86_400_000;

export interface DriveRequest {
  /** Runs at once. */
  readonly slots: number;
  /** Names this driver, for people. */
  readonly by: string;
  /** Ends it: its runs are given back, and what of them runs elsewhere goes on. */
  readonly signal: AbortSignal;
  readonly once: boolean;
  readonly isUnsafeRedis: boolean;
  readonly onChange: (submission: Submission, state: DriveState, note?: string) => void;
  readonly onWarning: (message: string) => void;
}

export type DriveState = 'running' | 'waiting' | 'given-back' | 'lost' | SubmissionEnd['state'];

/** Brings submitted runs to their ends. Any number may do so at once: a run has one driver. */
export class SubmissionDriver {
  readonly #ledger: Database;
  readonly #home: ProjectHome;
  readonly #surroundings: Surroundings;
  readonly #request: DriveRequest;
  readonly #running = new Set<Promise<void>>();
  #remote: RemoteCache | undefined;

  constructor(ledger: Database, home: ProjectHome, surroundings: Surroundings, request: DriveRequest) {
    this.#ledger = ledger;
    this.#home = home;
    this.#surroundings = surroundings;
    this.#request = request;
  }

  /**
   * Until the signal says so, and then until its runs are given back; `once` also until none waits that it can
   * take and all that it took have ended. A ledger that is away is waited for.
   */
  async serve(): Promise<void> {
    const { signal, slots, onWarning, once } = this.#request;
    this.#removeOldCopies();
    await using remote = await this.#openRemote();
    this.#remote = remote;
    let said = '';
    while (!signal.aborted) {
      try {
        while (this.#running.size < slots && !signal.aborted) {
          const taken = await this.#claim();
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
      await this.#clock.sleep(LOOK_MS, signal).catch(() => {});
    }
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** What drivers that died have laid out. */
  #removeOldCopies(): void {
    const { home } = this.#home;
    const root = join(home, FOLDER);
    if (!existsSync(root)) return;
    const living = new Set(livingMarks(home, isAlive).map(({ name }) => name));
    const before = this.#clock.now() - DAY_MS;
    for (const run of readdirSync(root))
      if (!living.has(run) && statSync(join(root, run)).mtimeMs < before)
        rmSync(join(root, run), { recursive: true, force: true });
  }

  async #openRemote(): Promise<RemoteCache | undefined> {
    const { world } = this.#surroundings;
    const settings = remoteSettings({}, this.#home.home, world.env);
    if (settings === undefined) return undefined;
    const { openRemote } = await import('./compose-remote.ts');
    const { onWarning } = this.#request;
    return openRemote(settings, {
      projectDir: this.#home.dir,
      world,
      near: () => this.#home.store,
      retryAfterMs: AGAIN_MS,
      onWarning,
    });
  }

  async #claim(): Promise<Submission | undefined> {
    return this.#ledger.write(async (sql) =>
      claimSubmission(sql, {
        place: placeOf(this.#home),
        remote: this.#remote?.remote.name,
        by: this.#request.by,
        now: await this.#now(sql),
        leaseMs: LEASE_MS,
        mostLosses: MOST_LOSSES,
      }),
    );
  }

  /** Never rejects: what goes wrong is how the run ends, or it is left to the next driver. */
  async #drive(submission: Submission): Promise<void> {
    const { signal, onChange } = this.#request;
    failpoint('submission.claimed');
    onChange(submission, 'running');
    const held = new HeldSubmission(submission, {
      ledger: this.#ledger,
      clock: this.#clock,
      leaseMs: LEASE_MS,
      now: async (sql) => this.#now(sql),
    });
    const leave = (): void => held.leave(new RunLeft('the driver was told to end'));
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    try {
      const end = await this.#end(held);
      await held.settle();
      failpoint('submission.before-end');
      const isOurs = await this.#ledger.write(async (sql) =>
        end === 'given-back'
          ? releaseSubmission(sql, submission, 'its driver was told to end')
          : endSubmission(sql, submission, { ...end, at: await this.#now(sql) }),
      );
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

  /** What is out of reach is waited for, under the same lease. */
  async #end(held: HeldSubmission): Promise<Omit<SubmissionEnd, 'at'> | 'given-back'> {
    for (;;) {
      if (held.isCancelled) return { state: 'cancelled' };
      if (held.signal.aborted) return 'given-back';
      try {
        return await this.#run(held);
      } catch (error) {
        if (!(error instanceof RecipeError)) return { state: 'failed', note: String(error) };
        const note = `${error.code}: ${error.message}`;
        if (error.exit !== ExitCode.unavailable) return { state: 'failed', note };
        this.#request.onChange(held.submission, 'waiting', note);
        await held.note(note).catch(() => {});
        await this.#clock.sleep(AGAIN_MS, held.signal).catch(() => {});
      }
    }
  }

  async #run(held: HeldSubmission): Promise<Omit<SubmissionEnd, 'at'> | 'given-back'> {
    const { submission } = held;
    const { settings, snapshot, projectDir } = submission;
    await this.#bring(snapshot as Digest);
    const run = this.#runIdOf(submission);
    const asked = {
      host: this.#home,
      projectDir,
      folder: FOLDER,
      snapshot,
      run,
      applied: settings,
      at: settings.at,
    };
    return inSnapshot(asked, this.#surroundings, async (copy, plan) => {
      await held.name(run);
      failpoint('submission.named');
      const { outcome } = await copy.run(plan, {
        selection: settings.selection,
        flags: {
          force: forceFlag(plan, settings.force),
          keepGoing: settings.keepGoing,
          allowChangingInputs: false,
        },
        isUnsafeRedis: this.#request.isUnsafeRedis,
        offline: false,
        startedAt: this.#clock.monotonic(),
        isSubmitted: true,
        waiter: submission.id,
        signal: held.signal,
        subscribers: [held.take],
        onWarning: this.#request.onWarning,
      });
      if (outcome === 'succeeded' || outcome === 'failed') return { state: outcome };
      return held.isCancelled ? { state: 'cancelled' } : 'given-back';
    });
  }

  /** @throws RecipeError SNAPSHOT_LOST */
  async #bring(snapshot: Digest): Promise<void> {
    const { blobs } = this.#home.store;
    if (hasTree(blobs, snapshot)) return;
    const lost = await this.#remote?.bringAll([{ digest: snapshot, kind: 'directory' }]);
    if (lost === undefined || lost.length > 0)
      throw new RecipeError('SNAPSHOT_LOST', { place: this.#remote?.remote.name ?? placeOf(this.#home) });
  }

  /** The submission's own for its first run, so that it is found by one name. */
  #runIdOf({ id, epoch }: Submission): string {
    const isFirst = epoch === 1 && !existsSync(journalPath(this.#home.home, id));
    return isFirst ? id : this.#surroundings.world.newRunId();
  }

  async #now(sql: Parameters<typeof ledgerNow>[0]): Promise<number> {
    return ledgerNow(sql, () => this.#clock.now());
  }

  get #clock(): Surroundings['world']['clock'] {
    return this.#surroundings.world.clock;
  }
}

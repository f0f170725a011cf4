import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ProjectHome, type Surroundings, storeName } from './compose-home.ts';
import { remoteSettings } from './compose-link.ts';
import { inSnapshot } from './compose-snapshot.ts';
import { failpoint } from './core/failpoint.ts';
import type { Digest } from './core/ids.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { Clock } from './core/world.ts';
import type { Database } from './db/sql.ts';
import { livingMarks } from './engine/active-runs.ts';
import { forceFlag } from './engine/force-flag.ts';
import { journalPath } from './engine/read-journal.ts';
import type { Submission } from './engine/submission-port.ts';
import { isAlive } from './executors/local/process-identity.ts';
import type { HeldSubmission } from './ledger/held-submission.ts';
import { AGAIN_MS, type DriveEnd, type DriveRequest, SubmissionDriver } from './ledger/submission-driver.ts';
import { missingOf } from './store/has-tree.ts';
import type { RemoteCache } from './store/remote/remote-cache.ts';
import { readTree, type TreeFile } from './store/trees.ts';

/** Below the home: what submitted runs run. */
const FOLDER = 'submitted';
const DAY_MS = 86_400_000;

export interface ProjectDriveRequest extends DriveRequest {
  readonly isUnsafeRedis: boolean;
}

/** Brings submitted runs whose snapshots this machine can read to their ends. */
export class SubmittedRuns {
  readonly #ledger: Database;
  readonly #home: ProjectHome;
  readonly #surroundings: Surroundings;
  readonly #request: ProjectDriveRequest;
  #remote: RemoteCache | undefined;

  constructor(ledger: Database, home: ProjectHome, surroundings: Surroundings, request: ProjectDriveRequest) {
    this.#ledger = ledger;
    this.#home = home;
    this.#surroundings = surroundings;
    this.#request = request;
  }

  /** As `SubmissionDriver` does. */
  async serve(): Promise<void> {
    this.#removeOldCopies();
    await using remote = await this.#openRemote();
    this.#remote = remote;
    const place = {
      ledger: this.#ledger,
      clock: this.#clock,
      place: storeName(this.#home),
      remote: remote?.remote.name,
      readable: async (snapshots: readonly string[]) =>
        remote === undefined ? [] : remote.which(snapshots as readonly Digest[]),
      run: async (held: HeldSubmission) => this.#run(held),
    };
    await new SubmissionDriver(place, this.#request).serve();
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

  async #run(held: HeldSubmission): Promise<DriveEnd> {
    const { submission } = held;
    const { settings, snapshot, projectDir } = submission;
    await this.#bring(snapshot as Digest);
    const run = this.#runIdOf(submission);
    const asked = {
      host: this.#home,
      projectDir,
      // What a server was handed comes from another machine, whatever its paths are called.
      isHere: submission.owner === undefined && submission.place === storeName(this.#home),
      asker: submitterOf(submission),
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
    const missing = await missingOf(blobs, snapshot);
    if (missing.length === 0) return;
    const lost = (await this.#remote?.bringAll([{ digest: snapshot, kind: 'directory' }])) ?? missing;
    if (lost.length === 0) return;
    const place = this.#remote?.remote.name ?? storeName(this.#home);
    const files = blobs.size(snapshot) === undefined ? [] : readTree(blobs, snapshot).files;
    const problem = this.#remote?.problem ?? describeLost(files, lost);
    throw new RecipeError('SNAPSHOT_LOST', { place, problem });
  }

  /** The submission's own for its first run, so that it is found by one name. */
  #runIdOf({ id, epoch }: Submission): string {
    const isFirst = epoch === 1 && !existsSync(journalPath(this.#home.home, id));
    return isFirst ? id : this.#surroundings.world.newRunId();
  }

  get #clock(): Clock {
    return this.#surroundings.world.clock;
  }
}

/** A terminal that writes into the ledger itself says `USER@HOST`; a server knows who signed in. */
function submitterOf({ submittedBy, owner }: Submission): string {
  if (submittedBy === owner) return owner;
  return submittedBy.replace(/@[^@]*$/, '') || 'unknown';
}

/** For people: which files of a snapshot are lost; of one whose list is, nothing else is known. */
function describeLost(files: readonly TreeFile[], lost: readonly Digest[]): string {
  const [first, ...others] = files.filter(({ digest }) => lost.includes(digest)).map(({ path }) => path);
  if (first === undefined) return 'the list of its files is missing or damaged there';
  if (others.length === 0) return `${first} is missing or damaged there`;
  return `${first} and ${others.length} other ${others.length === 1 ? 'file' : 'files'} are missing or damaged there`;
}

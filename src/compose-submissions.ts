import { hostname } from 'node:os';
import type { Project } from './compose.ts';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { ledgerOf } from './compose-ledger.ts';
import type { Digest } from './core/ids.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { Database } from './db/sql.ts';
import { preflight } from './engine/preflight.ts';
import { type SelectionRequest, select } from './engine/selection.ts';
import { keepSnapshot } from './engine/snapshot.ts';
import { ledgerNow } from './ledger/ledger-clock.ts';
import {
  cancelSubmission,
  findSubmissions,
  forgetSubmissions,
  openSubmissions,
  readSubmission,
  type Submission,
  submit,
} from './ledger/submissions.ts';
import type { RecipeLocation } from './recipe/address.ts';
import { pin, unpin } from './store/roots.ts';
import { readTree } from './store/trees.ts';

/** So long after its end a run can be attached to and retried. */
const KEPT_MS = 30 * 86_400_000;

export interface SubmitRequest {
  readonly location: RecipeLocation;
  readonly profile: string | undefined;
  readonly set: readonly string[];
  readonly selection: SelectionRequest;
  readonly force: boolean | readonly string[];
  readonly keepGoing: boolean;
  readonly onWarning: (message: string) => void;
}

/** Runs that were handed to whatever driver takes them, as a project sees them. */
export class Submissions implements AsyncDisposable {
  readonly ledger: Database;
  readonly project: Project;
  readonly #surroundings: Surroundings;

  private constructor(ledger: Database, project: Project, surroundings: Surroundings) {
    this.ledger = ledger;
    this.project = project;
    this.#surroundings = surroundings;
  }

  /** Kept where `ledgerOf` says, and it fails as that does. */
  static async open(project: Project, surroundings: Surroundings): Promise<Submissions> {
    return new Submissions(await ledgerOf(project, surroundings), project, surroundings);
  }

  /**
   * Hands a run over, with all that it runs and reads. It is accepted once this resolves.
   *
   * @throws RecipeError what is wrong with the recipe, PATH_UNSAFE, RUN_NOT_SENT
   */
  async submit(request: SubmitRequest): Promise<Submission> {
    const { project } = this;
    const { location, profile, set, selection, force, keepGoing, onWarning } = request;
    const { world } = this.#surroundings;
    const at = world.clock.now();
    const plan = await project.plan(location, profile, set, at);
    preflight(plan, select(plan, selection), project.dir, undefined);
    const snapshot = await keepSnapshot(plan, await project.filesOf(location, profile, set, at), {
      store: project.store,
      projectDir: project.dir,
      withInputs: true,
    });
    const id = world.newRunId();
    await this.#pin(id, snapshot);
    await using shared = await project.shared(plan, onWarning);
    const remote = shared === undefined || shared.isReadOnly ? undefined : shared.remote.name;
    if (remote !== undefined && shared !== undefined) {
      const files = readTree(project.store.blobs, snapshot).files.map(({ digest }) => digest);
      if (!(await shared.push([snapshot, ...files]))) throw new RecipeError('RUN_NOT_SENT', { remote });
    }
    const settings = {
      file: location.file,
      recipe: location.name,
      profile,
      set,
      selection,
      force,
      keepGoing,
      at,
    };
    return await this.#accept({ id, settings, snapshot, remote });
  }

  /** The same once more: what was done before is not repeated. */
  async retry({ settings, snapshot, remote }: Submission): Promise<Submission> {
    const id = this.#surroundings.world.newRunId();
    await this.#pin(id, snapshot as Digest);
    return this.#accept({ id, settings: { ...settings, force: false }, snapshot, remote });
  }

  /**
   * The run whose id begins so; without a beginning the only one that goes on.
   *
   * @throws RecipeError RUN_NOT_SUBMITTED
   */
  async find(start: string | undefined): Promise<Submission> {
    const found = await this.search(start);
    const [only] = found;
    if (only === undefined || found.length > 1)
      throw new RecipeError('RUN_NOT_SUBMITTED', { run: start, found: found.map(({ id }) => id) });
    return only;
  }

  /** Runs whose id begins so; without a beginning those that go on. */
  async search(start: string | undefined): Promise<Submission[]> {
    return this.ledger.read((sql) =>
      start === undefined ? openSubmissions(sql) : findSubmissions(sql, start),
    );
  }

  /** As it is now; undefined if it was forgotten meanwhile. */
  async read(id: string): Promise<Submission | undefined> {
    return this.ledger.read((sql) => readSubmission(sql, id));
  }

  /** Undefined: it had ended. */
  async cancel({ id }: Submission): Promise<'cancelled' | 'told' | undefined> {
    return this.ledger.write(async (sql) => cancelSubmission(sql, id, await this.#now(sql)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger[Symbol.asyncDispose]();
  }

  async #pin(id: string, snapshot: Digest): Promise<void> {
    const { store, home } = this.project;
    await pin(store, home, pinName(id), [{ digest: snapshot, kind: 'directory' }]);
  }

  async #accept(one: Pick<Submission, 'id' | 'settings' | 'snapshot' | 'remote'>): Promise<Submission> {
    const { project } = this;
    const accepted = await this.ledger.write(async (sql) => {
      const now = await this.#now(sql);
      await submit(sql, {
        ...one,
        projectDir: project.dir,
        place: placeOf(project),
        submittedAt: now,
        submittedBy: `${project.user ?? 'unknown'}@${hostname()}`,
      });
      for (const id of await forgetSubmissions(sql, now - KEPT_MS))
        unpin(project.store, project.home, pinName(id));
      return readSubmission(sql, one.id);
    });
    if (accepted === undefined) throw new Error(`Internal error: the run ${one.id} is gone`);
    return accepted;
  }

  async #now(sql: Parameters<typeof ledgerNow>[0]): Promise<number> {
    return ledgerNow(sql, () => this.#surroundings.world.clock.now());
  }
}

/** Names the store of a home among all that share a ledger. */
export function placeOf({ store }: ProjectHome): string {
  return `${hostname()}:${store.layout.root}`;
}

function pinName(id: string): string {
  return `submitted-${id}`;
}

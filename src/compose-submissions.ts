import { hostname } from 'node:os';
import type { Project } from './compose.ts';
import { type Surroundings, storeName } from './compose-home.ts';
import { ledgerOf } from './compose-ledger.ts';
import { describeMended, isLost, mendSnapshot, sendSnapshot } from './compose-mend.ts';
import type { Digest } from './core/ids.ts';
import { RecipeError } from './core/recipe-error.ts';
import { preflight } from './engine/preflight.ts';
import { type SelectionRequest, select } from './engine/selection.ts';
import { keepSnapshot } from './engine/snapshot.ts';
import type { Submission, SubmissionDesk } from './engine/submission-port.ts';
import { LedgerDesk } from './ledger/ledger-desk.ts';
import type { RecipeLocation } from './recipe/address.ts';
import { pin, unpin } from './store/roots.ts';

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
  readonly desk: SubmissionDesk;
  readonly project: Project;
  readonly #surroundings: Surroundings;

  private constructor(desk: SubmissionDesk, project: Project, surroundings: Surroundings) {
    this.desk = desk;
    this.project = project;
    this.#surroundings = surroundings;
  }

  /**
   * At the server that STOCKPOT_SERVER_URL names, else in the ledger that `ledgerOf` tells of.
   *
   * @throws RecipeError ADDRESS_INVALID, and as `ledgerOf`
   */
  static async open(project: Project, surroundings: Surroundings): Promise<Submissions> {
    const url = surroundings.world.env['STOCKPOT_SERVER_URL'];
    if (url !== undefined && url !== '')
      return new Submissions(await servedDesk(url, surroundings), project, surroundings);
    const { clock } = surroundings.world;
    const onForgotten = (id: string): void => unpin(project.store, project.home, pinName(id));
    const ledger = await ledgerOf(project, surroundings);
    return new Submissions(new LedgerDesk(ledger, { clock, onForgotten }), project, surroundings);
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
      const isDoubted = (await this.desk.search(undefined)).some(isLost);
      const sent = await sendSnapshot(shared, project.store, { snapshot, isDoubted });
      if (sent === undefined || sent.lost.length > 0) throw new RecipeError('RUN_NOT_SENT', { remote });
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

  /**
   * The same once more: what was done before is not repeated. What the shared cache has lost of it is sent again, if it is
   * here; if not, a driver may have it still.
   */
  async retry(submission: Submission, onWarning: (message: string) => void): Promise<Submission> {
    const { settings, snapshot, remote } = submission;
    const mended = await mendSnapshot(this.project, submission, onWarning);
    if (mended !== undefined && mended.lost.length > 0) onWarning(describeMended(mended));
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
    const found = await this.desk.search(start);
    const [only] = found;
    if (only === undefined || found.length > 1)
      throw new RecipeError('RUN_NOT_SUBMITTED', { run: start, found: found.map(({ id }) => id) });
    return only;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.desk[Symbol.asyncDispose]();
  }

  async #pin(id: string, snapshot: Digest): Promise<void> {
    const { store, home } = this.project;
    await pin(store, home, pinName(id), [{ digest: snapshot, kind: 'directory' }]);
  }

  async #accept(one: Pick<Submission, 'id' | 'settings' | 'snapshot' | 'remote'>): Promise<Submission> {
    const { project } = this;
    return this.desk.accept({
      ...one,
      projectDir: project.dir,
      place: storeName(project),
      submittedBy: `${project.user}@${hostname()}`,
    });
  }
}

async function servedDesk(url: string, { world }: Surroundings): Promise<SubmissionDesk> {
  const { ServedDesk } = await import('./tracking/rest/served-desk.ts');
  return ServedDesk.at(url, world);
}

function pinName(id: string): string {
  return `submitted-${id}`;
}

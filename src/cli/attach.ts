import type { Project } from '../compose.ts';
import { describeMended, isLost, mendSnapshot } from '../compose-mend.ts';
import { Submissions } from '../compose-submissions.ts';
import type { RunEvent } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import { isUnavailable } from '../core/recipe-error.ts';
import type { Submission } from '../engine/submission-port.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openTracked } from './open-tracked.ts';
import { RunExit } from './run-exit.ts';
import { runView } from './run-view.ts';

const LOOK_MS = 250;
/** The driver looks every five seconds; reading all of a run's files may take as long. */
const MEND_AGAIN_MS = 15_000;
const PAGE = 500;

/** `recipe attach RUN`: shows a submitted run from its beginning on. Ctrl-C leaves it to itself. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  await using submissions = await Submissions.open(project, context);
  const { id } = await submissions.find(args[0]);
  const json = flag(options, 'json');
  let view = await runView(context);
  let exits = new RunExit();
  let said: string | undefined;
  const show = async (event: RunEvent): Promise<void> => {
    if (event.type === 'run.started') [view, exits] = [await runView(context), new RunExit()];
    exits.take(event);
    if (json) context.out(`${JSON.stringify(event)}\n`);
    else view(event);
  };
  const ended = await follow(submissions, id, context, show, (line) => {
    if (line !== undefined && line !== said) context.err(`${line}\n`);
    said = line ?? said;
  });
  if (ended === undefined) {
    context.err(`${id} goes on without you; see it again with \`recipe attach ${id}\`\n`);
    return ExitCode.interrupted;
  }
  if (ended.note !== undefined) context.err(`${id} ${ended.state}: ${ended.note}\n`);
  else if (ended.state === 'cancelled') context.err(`${id} is cancelled\n`);
  return exits.of({ outcome: ended.state === 'cancelled' ? 'interrupted' : ended.state });
}

type Ended = Submission & { readonly state: 'succeeded' | 'failed' | 'cancelled' };

/** Until the run's end, or until the context's signal: then undefined. A ledger that is away is asked again. */
async function follow(
  submissions: Submissions,
  id: string,
  { world, signal, err }: Context,
  show: (event: RunEvent) => Promise<void>,
  say: (line: string | undefined) => void,
): Promise<Ended | undefined> {
  let cursor = { epoch: 0, seq: 0 };
  const mending = new Mending(submissions.project, { world, err });
  while (!signal.aborted) {
    try {
      // First the state: what an ended run said is all there then.
      const submission = await submissions.desk.read(id);
      if (submission === undefined) return undefined;
      for (let page = PAGE; page === PAGE; ) {
        const events = await submissions.desk.events(id, cursor, PAGE);
        for (const { epoch, seq, event } of events) {
          cursor = { epoch, seq };
          await show(event);
        }
        page = events.length;
      }
      if (hasEnded(submission)) return submission;
      say(describe(submission));
      if (isLost(submission)) await mending.mend(submission);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      say(`waiting: ${error.message}`);
    }
    await world.clock.sleep(LOOK_MS, signal).catch(() => {});
  }
  return undefined;
}

/** Sends again what a run has lost, now and then for as long as it is said to be lost. */
class Mending {
  readonly #project: Project;
  readonly #context: Pick<Context, 'err' | 'world'>;
  #notBefore = -Infinity;
  readonly #said = new Set<string>();

  constructor(project: Project, context: Pick<Context, 'err' | 'world'>) {
    this.#project = project;
    this.#context = context;
  }

  async mend(submission: Submission): Promise<void> {
    const { clock } = this.#context.world;
    if (clock.monotonic() < this.#notBefore) return;
    const mended = await mendSnapshot(this.#project, submission, (text) => this.#say(`warning: ${text}`));
    if (mended !== undefined && mended.sent.length + mended.lost.length > 0)
      this.#say(describeMended(mended));
    this.#notBefore = clock.monotonic() + MEND_AGAIN_MS;
  }

  #say(line: string): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.#context.err(`${line}\n`);
  }
}

function hasEnded(submission: Submission): submission is Ended {
  return submission.state !== 'waiting' && submission.state !== 'running';
}

/** What a run that does not go on waits for. */
function describe({ state, note, remote, epoch, driver }: Submission): string | undefined {
  if (state === 'running') {
    if (note !== undefined) return `waiting: ${note}`;
    return epoch > 1 ? `${driver} goes on with it; what was done is not repeated` : undefined;
  }
  const where =
    remote === undefined ? 'in the folder it was submitted from' : `with STOCKPOT_REMOTE=${remote}`;
  return `waiting for a driver${note === undefined ? '' : ` (${note})`}: \`recipe worker --drive 1\` ${where}`;
}

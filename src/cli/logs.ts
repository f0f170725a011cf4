import type { RunEvent } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { followJournal, newestRun, readJournal } from '../engine/read-journal.ts';
import { safeText } from '../report/text/safe-text.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { openRecipe } from './open-project.ts';
import { resultOf } from './result-of.ts';
import { stepOf } from './step-of.ts';

const ENDS = new Set<RunEvent['type']>([
  'step.succeeded',
  'step.failed',
  'step.cached',
  'step.skipped',
  'step.cancelled',
]);

/** `recipe logs ADDRESS`: of a run's journal, or of the step's newest result. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  const step = stepOf(plan, address.step);
  const run = text(parsed.options, 'run');
  if (flag(parsed.options, 'follow')) return await follow(run ?? newestRun(project.home, plan.recipe));
  const log = run === undefined ? await newest() : ofRun(run);
  context.out(flag(parsed.options, 'json') ? `${JSON.stringify({ step: step.id, log })}\n` : safeText(log));
  return ExitCode.ok;

  async function newest(): Promise<string> {
    const asked = { project, plan, step, onWarning: warningsTo(context) };
    const { log: blob } = await resultOf(asked, (result) => [result.log]);
    return blob === undefined ? '' : project.store.blobs.read(blob.digest).toString('utf8');
  }

  /** A run that has finished is over at once; one that lives is followed until the step has ended. */
  async function follow(id: string | undefined): Promise<ExitCode> {
    if (id === undefined || readJournal(project.home, id).length === 0)
      throw new RecipeError('RUN_NOT_FOUND', { run: id ?? '(none yet)' });
    for await (const event of followJournal(project.home, id, context.world.clock, context.signal)) {
      if (!('step' in event) || event.step !== step.id) continue;
      if (event.type === 'step.output')
        context.out(
          flag(parsed.options, 'json')
            ? `${JSON.stringify({ step: step.id, stream: event.stream, text: event.text })}\n`
            : safeText(event.text),
        );
      if (event.type === 'step.cached') context.out(safeText(await newest()));
      if (ENDS.has(event.type)) break;
    }
    return context.signal.aborted ? ExitCode.interrupted : ExitCode.ok;
  }

  function ofRun(id: string): string {
    const events = /^[\w-]+$/.test(id) ? readJournal(project.home, id) : [];
    if (events.length === 0) throw new RecipeError('RUN_NOT_FOUND', { run: id });
    return events
      .flatMap((event) => (event.type === 'step.output' && event.step === step.id ? [event.text] : []))
      .join('');
  }
}

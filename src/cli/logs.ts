import { readEvents } from '../compose.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { safeText } from '../report/text/safe-text.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openRecipe } from './open-project.ts';
import { resultOf } from './result-of.ts';
import { stepOf } from './step-of.ts';

/** `recipe logs ADDRESS`: of a run's journal, or of the step's newest result. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  using project = opened;
  const step = stepOf(plan, address.step);
  const run = text(parsed.options, 'run');
  const log = run === undefined ? newest() : ofRun(run);
  context.out(flag(parsed.options, 'json') ? `${JSON.stringify({ step: step.id, log })}\n` : safeText(log));
  return ExitCode.ok;

  function newest(): string {
    const { log: blob } = resultOf(project, plan, step);
    return blob === undefined ? '' : project.store.blobs.read(blob.digest).toString('utf8');
  }

  function ofRun(id: string): string {
    const events = /^[\w-]+$/.test(id) ? readEvents(project.home, id) : [];
    if (events.length === 0) throw new RecipeError('RUN_NOT_FOUND', { run: id });
    return events
      .flatMap((event) => (event.type === 'step.output' && event.step === step.id ? [event.text] : []))
      .join('');
  }
}

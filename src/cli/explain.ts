import { ExitCode } from '../core/exit-code.ts';
import type { StepId } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { describeChange } from '../engine/explain.ts';
import { History } from '../engine/history.ts';
import { type Cause, causeOf, rootChanges } from '../engine/root-cause.ts';
import { safeText } from '../report/text/safe-text.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openRecipe } from './open-project.ts';
import { stepOf } from './step-of.ts';

/** `recipe explain ADDRESS` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  const step = stepOf(plan, address.step);
  const cause = causeOf(plan, step.id, new History(project.store.index, plan.recipe), project.store);
  if (cause === undefined) throw new RecipeError('STEP_NEVER_RAN', { step: step.id, recipe: plan.recipe });
  const roots = rootChanges(cause);
  if (flag(parsed.options, 'json')) {
    const json = {
      ...cause,
      isolation: step.isolation,
      roots: roots.map(({ step: at, change }) => ({ step: at, ...change })),
    };
    context.out(`${JSON.stringify(json)}\n`);
  } else {
    const note =
      step.isolation === 'project'
        ? 'not isolated: it runs in the project folder and may see files it does not name\n'
        : '';
    context.out(render(step.id, cause, roots) + note);
  }
  return ExitCode.ok;
}

function render(step: StepId, cause: Cause, roots: ReturnType<typeof rootChanges>): string {
  const when = new Date(cause.at).toISOString().replace('T', ' ').slice(0, 19);
  const title = `${step} is what it is since run ${cause.run} (${when} UTC)`;
  if (cause.isFirst) return `${title}: it had not run before\n`;
  if (roots.length === 0) return `${title}; what it was before is not in the cache any more\n`;
  const lines = roots.map(({ step: at, change }) => `  ${at}: ${safeText(describeChange(change))}`);
  const inputs = cause.changes.filter(({ kind }) => kind === 'input');
  const through =
    cause.upstream.length > 0
      ? [`  through its input${inputs.length === 1 ? '' : 's'} ${inputs.map(({ name }) => name).join(', ')}`]
      : [];
  return [title, ...lines, ...through].join('\n').concat('\n');
}

import { ExitCode } from '../core/exit-code.ts';
import { preflight } from '../engine/preflight.ts';
import { select } from '../engine/selection.ts';
import { locateRecipe } from '../recipe/address.ts';
import type { Origin } from '../recipe/origins.ts';
import { showPlan } from '../recipe/show-plan.ts';
import { type Context, flag, list, type Parsed, text } from './context.ts';
import { openRecipe } from './open-project.ts';

/** `recipe validate` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  preflight(plan, select(plan, {}), project.dir, context.env);
  const origins = flag(options, 'show')
    ? await project.origins(
        locateRecipe(address.recipe, context.cwd),
        text(options, 'profile'),
        list(options, 'set'),
      )
    : undefined;
  if (flag(options, 'json')) {
    const shown = origins === undefined ? {} : { origins: origins.map(jsonOf) };
    context.out(`${JSON.stringify({ recipe: plan.recipe, plan, ...shown })}\n`);
  } else {
    if (origins !== undefined) context.out(showPlan(plan, origins));
    for (const { message } of plan.warnings) context.err(`warning: ${message}\n`);
    context.out(`${plan.file} is valid: ${plan.steps.length} steps\n`);
  }
  return ExitCode.ok;
}

function jsonOf({ path, ...origin }: Origin): object {
  return { path: path.join('.'), ...origin };
}

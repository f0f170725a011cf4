import { ExitCode } from '../core/exit-code.ts';
import { preflight } from '../engine/preflight.ts';
import { select } from '../engine/selection.ts';
import { ejectPlan } from '../recipe/eject.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openRecipe } from './open-project.ts';

/** `recipe validate` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan } = await openRecipe(parsed, context);
  using project = opened;
  preflight(plan, select(plan, {}), project.dir, context.env);
  if (flag(parsed.options, 'json')) context.out(`${JSON.stringify({ recipe: plan.recipe, plan })}\n`);
  else {
    if (flag(parsed.options, 'show')) context.out(ejectPlan(plan));
    for (const { message } of plan.warnings) context.err(`warning: ${message}\n`);
    context.out(`${plan.file} is valid: ${plan.steps.length} steps\n`);
  }
  return ExitCode.ok;
}

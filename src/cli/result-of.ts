import type { Project } from '../compose.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { History } from '../engine/history.ts';
import type { Result } from '../store/results.ts';

/**
 * The result that a step had when it was last seen.
 *
 * @throws RecipeError STEP_NEVER_RAN
 */
export function resultOf(project: Project, plan: Plan, step: PlanStep): Result {
  const memory = project.isNew ? undefined : new History(project.store.index, plan.recipe).get(step.id);
  const result = memory === undefined ? undefined : project.store.results.find(memory.fingerprint);
  if (result === undefined) throw new RecipeError('STEP_NEVER_RAN', { step: step.id, recipe: plan.recipe });
  return result;
}

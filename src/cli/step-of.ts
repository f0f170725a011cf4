import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';

/** The step of an address. Without a name: the only one. A name with a matrix needs its cell. */
export function stepOf(plan: Plan, name: string | undefined): PlanStep {
  const found = plan.steps.filter((step) => name === undefined || step.id === name || step.name === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const known = (found.length > 1 ? found : plan.steps).slice(0, 20).map(({ id }) => id);
  throw new RecipeError('STEP_UNKNOWN', { step: name ?? '(none named)', recipe: plan.recipe, known });
}

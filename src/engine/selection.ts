import type { StepId } from '../core/ids.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';

/** Which part of a recipe to run. Names mean a step with all its cells; ids one cell. */
export interface SelectionRequest {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly only?: string | undefined;
}

/**
 * What a run does with a step: `run` it (from the cache if it is there), only `lookup` its result for
 * those that need it, or `omit` it.
 */
export type Role = 'run' | 'lookup' | 'omit';

/** The role of each step, in the order of the plan. */
export function select(plan: Plan, request: SelectionRequest): Role[] {
  const { steps } = plan;
  const index = new Map(steps.map((step, at) => [step.id, at]));
  const indexOf = (id: StepId): number => {
    const at = index.get(id);
    if (at === undefined) throw new Error(`Internal error: the plan lacks ${id}`);
    return at;
  };
  let chosen = steps.map(() => true);
  if (request.until !== undefined) chosen = closure(steps, matching(plan, request.until), indexOf);
  if (request.from !== undefined) {
    const below = descendants(steps, matching(plan, request.from), indexOf);
    chosen = chosen.map((is, at) => is && (below[at] ?? false));
  }
  if (request.only !== undefined) chosen = matching(plan, request.only);
  const needed = closure(steps, chosen, indexOf);
  return steps.map((_, at) => (chosen[at] ? 'run' : needed[at] ? 'lookup' : 'omit'));
}

/** @throws RecipeError STEP_UNKNOWN */
export function matching(plan: Plan, name: string): boolean[] {
  const found = plan.steps.map((step) => step.name === name || step.id === name);
  if (!found.includes(true))
    throw new RecipeError('STEP_UNKNOWN', {
      step: name,
      recipe: plan.recipe,
      known: [...new Set(plan.steps.map((step) => step.name))],
    });
  return found;
}

/** The steps chosen and all that they need. Plans are in topological order, so one pass back will do. */
function closure(
  steps: readonly PlanStep[],
  chosen: readonly boolean[],
  indexOf: (id: StepId) => number,
): boolean[] {
  const needed = [...chosen];
  for (let at = steps.length - 1; at >= 0; at -= 1)
    if (needed[at]) for (const need of steps[at]?.needs ?? []) needed[indexOf(need)] = true;
  return needed;
}

function descendants(
  steps: readonly PlanStep[],
  chosen: readonly boolean[],
  indexOf: (id: StepId) => number,
): boolean[] {
  const below = [...chosen];
  steps.forEach((step, at) => {
    below[at] ||= step.needs.some((need) => below[indexOf(need)]);
  });
  return below;
}

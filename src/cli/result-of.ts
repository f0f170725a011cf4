import type { Project } from '../compose.ts';
import type { OutputRef } from '../core/events.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { History } from '../engine/history.ts';
import type { BlobRef, Result } from '../store/results.ts';

interface Asked {
  readonly project: Project;
  readonly plan: Plan;
  readonly step: PlanStep;
  readonly onWarning: (message: string) => void;
}

/**
 * The result that a step had when it was last seen, with that of it which is wanted: from a shared cache, if it
 * is not here.
 *
 * @throws RecipeError STEP_NEVER_RAN
 */
export async function resultOf(
  { project, plan, step, onWarning }: Asked,
  wanted: (result: Result) => readonly (OutputRef | BlobRef | undefined)[],
): Promise<Result> {
  const never = new RecipeError('STEP_NEVER_RAN', { step: step.id, recipe: plan.recipe });
  const memory = project.isNew ? undefined : new History(project.store.index, plan.recipe).get(step.id);
  if (memory === undefined) throw never;
  const { results } = project.store;
  const complete = results.find(memory.fingerprint);
  if (complete !== undefined) return complete;
  await using shared = await project.shared(plan, onWarning);
  const result = results.read(memory.fingerprint);
  if (shared === undefined || result === undefined) throw never;
  const parts = wanted(result).flatMap((one) =>
    one === undefined ? [] : [{ kind: 'file' as const, ...one }],
  );
  if ((await shared.bringAll(parts)).length > 0) throw never;
  return result;
}

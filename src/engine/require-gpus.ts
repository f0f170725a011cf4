import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Machine, RunFlags } from './run-options.ts';
import type { Role } from './selection.ts';

type Place = Pick<Machine, 'gpus' | 'isElsewhere'>;

/** @throws RecipeError GPUS_LACKING if the step wants more GPUs than the machine has that it would run on */
export function requireGpus(step: PlanStep, { gpus, isElsewhere }: Place): void {
  const wanted = step.resources.gpus ?? 0;
  const there = gpus.ids.length;
  if (wanted > there && !isElsewhere(step))
    throw new RecipeError('GPUS_LACKING', { step: step.id, wanted, there }, { at: step.at });
}

export interface GpuCheck {
  readonly machine: Place;
  readonly force: RunFlags['force'];
  /** Whether a result of the step may be found, so that it need not run: a machine without GPUs goes on from it. */
  readonly mayBeCached: (step: PlanStep) => boolean;
}

/**
 * What can be known before anything is written. A step that turns out not to be cached is refused when it is
 * its turn.
 *
 * @throws RecipeError GPUS_LACKING
 */
export function preflightGpus(
  { steps }: Plan,
  roles: readonly Role[],
  { machine, force, mayBeCached }: GpuCheck,
): void {
  steps.forEach((step, index) => {
    if (roles[index] !== 'run' || !step.when || (step.resources.gpus ?? 0) === 0) return;
    if (force(step) || step.cache === 'never' || !mayBeCached(step)) requireGpus(step, machine);
  });
}

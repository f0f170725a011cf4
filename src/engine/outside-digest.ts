import type { Digest } from '../core/ids.ts';
import type { Plan, PlanInput, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { digestOf } from '../store/hash.ts';
import type { Store } from '../store/store.ts';
import type { References } from './references.ts';
import { resolveInputs } from './resolve-inputs.ts';

export interface OutsideSources {
  readonly store: Store;
  readonly projectDir: string;
  readonly references: References;
}

/** A digest of all that these steps read from outside, as it is now: files, URLs, models, probes. Runs nothing. */
export async function outsideDigest(
  plan: Plan,
  names: readonly string[],
  { store, projectDir, references }: OutsideSources,
): Promise<Digest> {
  const seen: unknown[] = [];
  for (const step of stepsNamed(plan, names)) {
    if (references.concerns(step)) await references.resolve(step);
    const inputs = resolveInputs(step, {
      projectDir,
      store,
      outputOf: () => {
        throw new Error(`Internal error: ${step.id} reads what another step gives`);
      },
      referenced: (reference) => references.referenced(reference),
    });
    seen.push([step.id, inputs.map(({ name, digest }) => [name, digest]), references.probeOf(step) ?? null]);
  }
  return digestOf(JSON.stringify(seen));
}

/**
 * The steps of these names that are to be looked at.
 *
 * @throws RecipeError SCHEDULE_STEP_INVALID for one that reads nothing from outside, or what another step gives
 */
export function stepsNamed(plan: Plan, names: readonly string[]): PlanStep[] {
  return names.flatMap((name) => {
    const steps = plan.steps.filter((step) => step.name === name);
    if (steps.length === 0)
      throw new RecipeError('SCHEDULE_STEP_INVALID', { step: name, problem: 'which is no step' });
    for (const step of steps) {
      const kinds = Object.values(step.inputs).flatMap(kindsOf);
      if (kinds.some((kind) => kind === 'output' || kind === 'cells'))
        throw new RecipeError('SCHEDULE_STEP_INVALID', {
          step: name,
          problem: 'which reads what another step gives',
        });
      if (kinds.length === 0 && step.probe === undefined)
        throw new RecipeError('SCHEDULE_STEP_INVALID', {
          step: name,
          problem: 'which reads nothing from outside',
        });
    }
    return steps;
  });
}

function kindsOf(input: PlanInput): PlanInput['kind'][] {
  return input.kind === 'list' ? input.items.flatMap(kindsOf) : [input.kind];
}

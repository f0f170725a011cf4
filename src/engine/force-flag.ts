import type { Plan } from '../core/plan.ts';
import type { RunFlags } from './run-options.ts';
import { matching } from './selection.ts';

/** `--force`, or `--force=STEP` for some. */
export function forceFlag(plan: Plan, force: boolean | readonly string[]): RunFlags['force'] {
  if (typeof force === 'boolean') return () => force;
  const forced = new Set(
    force.flatMap((name) => plan.steps.filter((_, index) => matching(plan, name)[index])),
  );
  return (step) => forced.has(step);
}

import { DEFAULT_QUEUE } from './fleet-names.ts';
import type { PlanStep } from './plan.ts';

/** The queues that steps of a plan go to on a fleet, each once, by name. */
export function planQueues(steps: readonly PlanStep[]): readonly string[] {
  return [...new Set(steps.filter(goesToQueue).map(queueOf))].toSorted();
}

export function queueOf({ queue = DEFAULT_QUEUE }: Pick<PlanStep, 'queue'>): string {
  return queue;
}

/** The others are run where the run is. */
export function goesToQueue({ isolation }: Pick<PlanStep, 'isolation'>): boolean {
  return isolation !== 'project';
}

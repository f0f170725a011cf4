import { DEFAULT_QUEUE } from '../core/fleet-names.ts';
import type { Plan } from '../core/plan.ts';
import type { FleetLink } from '../executors/fleet/fleet-link.ts';
import { takersOf, type WorkerState } from '../executors/fleet/presence.ts';
import type { Check } from './check.ts';

/**
 * Whether there is a worker for each queue that steps of a plan name; without a plan, for any.
 *
 * @throws RedisAway
 */
export async function checkWorkers(link: FleetLink, plan: Plan | undefined): Promise<Check[]> {
  const workers = (await link.workers()).filter(({ isDraining }) => !isDraining);
  const queues = plan === undefined ? served(workers) : queuesOf(plan);
  return queues.map((queue) => checkQueue(queue, workers));
}

function checkQueue(queue: string, workers: readonly WorkerState[]): Check {
  const name = `queue ${queue}`;
  const takers = takersOf(queue, workers);
  const most = takers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  return takers.length > 0
    ? { name, ok: true, detail: `workers: ${takers.length}, steps at once: ${most}` }
    : {
        name,
        ok: false,
        detail: 'no worker takes from it: its steps wait',
        fix: `Start one: \`recipe worker${queue === DEFAULT_QUEUE ? '' : ` --queue ${queue}`}\`.`,
      };
}

function served(workers: readonly WorkerState[]): readonly string[] {
  const queues = new Set(workers.flatMap(({ queues }) => queues));
  return queues.size === 0 ? [DEFAULT_QUEUE] : [...queues].toSorted();
}

function queuesOf({ steps }: Plan): readonly string[] {
  // The others are run where the run is.
  const far = steps.filter(({ isolation }) => isolation !== 'project');
  return [...new Set(far.map(({ queue }) => queue ?? DEFAULT_QUEUE))].toSorted();
}

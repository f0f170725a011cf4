import { DEFAULT_QUEUE } from '../core/fleet-names.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { goesToQueue, planQueues, queueOf } from '../core/plan-queues.ts';
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
  const queues = plan === undefined ? served(workers) : planQueues(plan.steps);
  return queues.map((queue) => checkQueue(queue, workers, greedyStep(queue, plan)));
}

function checkQueue(queue: string, workers: readonly WorkerState[], step: PlanStep | undefined): Check {
  const name = `queue ${queue}`;
  const takers = takersOf(queue, workers);
  const gpus = step?.resources.gpus ?? 0;
  if (takers.length > 0 && !takers.some((taker) => taker.gpus >= gpus))
    return {
      name,
      ok: false,
      detail: `none of its workers has ${gpus} GPUs, which the step ${step?.id ?? ''} wants: it waits`,
      fix: `Start one on a machine that has them: \`${workerOf(queue)}\`; --gpus says which they are.`,
    };
  const most = takers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  return takers.length > 0
    ? { name, ok: true, detail: `workers: ${takers.length}, steps at once: ${most}` }
    : {
        name,
        ok: false,
        detail: 'no worker takes from it: its steps wait',
        fix: `Start one: \`${workerOf(queue)}\`.`,
      };
}

function workerOf(queue: string): string {
  return `recipe worker${queue === DEFAULT_QUEUE ? '' : ` --queue ${queue}`}`;
}

/** Of the steps of a queue one that wants the most GPUs. */
function greedyStep(queue: string, plan: Plan | undefined): PlanStep | undefined {
  const steps = plan?.steps.filter((step) => goesToQueue(step) && queueOf(step) === queue) ?? [];
  return steps.toSorted((a, b) => (b.resources.gpus ?? 0) - (a.resources.gpus ?? 0))[0];
}

function served(workers: readonly WorkerState[]): readonly string[] {
  const queues = new Set(workers.flatMap(({ queues }) => queues));
  return queues.size === 0 ? [DEFAULT_QUEUE] : [...queues].toSorted();
}

import type { PlanStep, Settings } from '../core/plan.ts';
import { queueOf } from '../core/plan-queues.ts';
import { queueSettings } from '../core/queue-settings.ts';
import type { LimitLease } from './limits-port.ts';
import type { Machine } from './run-options.ts';

/** The limits of a profile that a step counts against: those that it names, and on a fleet its queue's. */
export function limitsOfStep(
  step: PlanStep,
  settings: Pick<Settings, 'limits' | 'queues'>,
  { isElsewhere }: Pick<Machine, 'isElsewhere'>,
): LimitLease['limits'] {
  const named = [...new Set(step.limits)].flatMap((name) => {
    const most = Object.hasOwn(settings.limits, name) ? settings.limits[name] : undefined;
    return most === undefined ? [] : [{ name, most }];
  });
  const queue = queueOf(step);
  const { concurrency } = queueSettings(settings, queue);
  return concurrency === undefined || !isElsewhere(step)
    ? named
    : [...named, { name: `the queue ${queue}`, most: concurrency }];
}

import { availableParallelism, totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import type { Plan } from './core/plan.ts';
import { goesToQueue } from './core/plan-queues.ts';
import type { World } from './core/world.ts';
import type { Machine } from './engine/run-options.ts';
import { machineGpus } from './executors/local/machine-gpus.ts';

/** What steps of a run may have. On a fleet, workers come and go, and the driver's machine is one of them at most. */
export function machineFor({ settings }: Plan, env: World['env']): Machine {
  const gpus = machineGpus(settings.gpus, env);
  return settings.executor === 'fleet'
    ? { cpus: Infinity, memoryBytes: Infinity, gpus, isElsewhere: goesToQueue }
    : { cpus: availableParallelism(), memoryBytes: machineMemory(), gpus, isElsewhere: () => false };
}

/** What this process may have: in a container, less than the machine has. */
export function machineMemory(): number {
  return Math.min(totalmem(), constrainedMemory() || Infinity);
}

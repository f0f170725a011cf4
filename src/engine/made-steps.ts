import type { Outputs } from '../core/events.ts';
import type { Fingerprint, StepId } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import type { PreparedTask } from './prepare-task.ts';
import type { RunGraph, RunNode } from './run-graph.ts';

/** A step that is done, with all that it depended on. */
export interface MadeStep {
  readonly step: PlanStep;
  readonly task: PreparedTask;
  readonly outputs: Outputs;
}

/**
 * All steps that a step needs, in the order of the plan. Undefined if what one of them depends on is not
 * what this run took it from any more: a file that was written to meanwhile.
 */
export function madeSteps(
  node: RunNode,
  graph: RunGraph,
  {
    prepare,
    fingerprintOf,
  }: {
    readonly prepare: (node: RunNode) => PreparedTask;
    readonly fingerprintOf: (step: StepId) => Fingerprint | undefined;
  },
): readonly MadeStep[] | undefined {
  const needed = new Set<StepId>();
  for (const pending = [...node.step.needs]; pending.length > 0; ) {
    const id = pending.pop();
    if (id === undefined || needed.has(id)) continue;
    needed.add(id);
    pending.push(...graph.get(id).step.needs);
  }
  const made: MadeStep[] = [];
  for (const one of graph.nodes) {
    if (!needed.has(one.step.id)) continue;
    const task = prepare(one);
    if (one.outputs === undefined || task.fingerprint !== fingerprintOf(one.step.id)) return undefined;
    made.push({ step: one.step, task, outputs: one.outputs });
  }
  return made;
}

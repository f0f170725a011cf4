import type { Digest, Fingerprint, StepId, StepName } from '../../src/core/ids.ts';
import type { PlanStep } from '../../src/core/plan.ts';
import type { Task } from '../../src/engine/ports.ts';
import { digestOf } from '../../src/store/hash.ts';
import type { Setting } from './course.ts';

/** What a step of a course does when it is executed. */
export interface StepPlan {
  readonly name: string;
  readonly queue: string;
  readonly ms: number;
  /** `kills`: it takes the process of its worker with it. */
  readonly ends: 'well' | 'badly' | 'kills';
  /** Whether each attempt gives other bytes. */
  readonly varies: boolean;
  readonly reports: boolean;
}

/** Steps of which each reads what the one before gave. */
export type Chain = readonly StepPlan[];

export const QUEUES = ['default', 'other'] as const;

export function chainOf({ random }: Setting, name: string): Chain {
  const length = 1 + random.below(3);
  return Array.from({ length }, (_, n) => ({
    name: `${name}${n}`,
    queue: random.pick(QUEUES),
    ms: 100 + random.below(random.pick([25_000, 5000])),
    ends: random.below(8) > 0 ? 'well' : random.pick(['badly', 'kills'] as const),
    varies: random.below(3) === 0,
    reports: random.below(2) === 0,
  }));
}

/** The task of a step, given what the one before it gave. */
export function taskOf(plan: StepPlan, input: Digest | undefined, replace: boolean): Task {
  const document = JSON.stringify({ step: plan.name, input });
  return {
    step: planStepOf(plan),
    fingerprint: digestOf(document) as string as Fingerprint,
    document,
    inputs:
      input === undefined
        ? []
        : [{ name: 'input', kind: 'file', digest: input, from: 'store', extension: '' }],
    code: [],
    attempt: 1,
    threads: 1,
    gpus: undefined,
    replace,
    allowChangingInputs: false,
    fresh: false,
  };
}

export function planStepOf({ name, queue }: Pick<StepPlan, 'name' | 'queue'>): PlanStep {
  return {
    id: name as StepId,
    name: name as StepName,
    at: { file: '', line: 1, column: 1 },
    action: { kind: 'argv', argv: [name] },
    config: {},
    configFiles: [],
    inputs: {},
    outputs: { out: { path: 'out', kind: 'file' } },
    needs: [],
    code: [],
    env: {},
    passEnv: [],
    resources: {},
    graceMs: 0,
    retry: { maxAttempts: 1, backoffMs: 0, on: [] },
    limits: [],
    queue,
    cache: 'always',
    seed: 0,
    isolation: 'attempt',
    tools: [],
    when: true,
  };
}

import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunStarted } from '../core/events.ts';
import type { StepId } from '../core/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { hasCode } from '../core/recipe-error.ts';
import { fitKey, fitTag, fitValue } from './tracking-limits.ts';
import type { KeyValue } from './tracking-port.ts';

/** What tracking needs of a plan. Plain JSON: kept beside the journal, so that a run that was cut off is tracked to its end. */
export interface TrackedPlan {
  readonly v: 1;
  readonly recipe: string;
  readonly experiment: string;
  /** Name of the place that tracks the run; absent for the home. */
  readonly place?: string;
  readonly tags: readonly KeyValue[];
  readonly steps: readonly TrackedStep[];
}

export interface TrackedStep {
  readonly id: StepId;
  readonly params: readonly KeyValue[];
  readonly outputs: PlanStep['outputs'];
  /** Of components only: commands may have very many. */
  readonly inputs: PlanStep['inputs'];
  /** Whether its metrics stand on the run too: of a cached one `if-few` only if it has few beside it. */
  readonly onParent: 'always' | 'if-few' | 'never';
}

const FILE = 'tracked-plan.json';

/** Id of the tracked run of a run, or of one of its steps: the same each time it is asked. */
export function trackedRunId(run: string, step?: StepId): string {
  return hash('sha256', step === undefined ? run : `${run}\0${step}`, 'hex').slice(0, 32);
}

export function trackedPlanOf(
  plan: Plan,
  { experiment, tags, place }: Pick<TrackedPlan, 'experiment' | 'tags' | 'place'>,
): TrackedPlan {
  return {
    v: 1,
    recipe: plan.recipe,
    experiment,
    ...(place === undefined ? {} : { place }),
    tags: tags.map(fitTag),
    steps: plan.steps.map((step) => ({
      id: step.id,
      params: flatten(step.config),
      outputs: step.outputs,
      inputs: step.action.kind === 'shipped' || step.action.kind === 'own' ? step.inputs : {},
      onParent: onParent(step),
    })),
  };
}

/** @param dir `runs/<id>/` */
export function keepTrackedPlan(dir: string, plan: TrackedPlan): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, FILE), JSON.stringify(plan));
}

/** What was kept; without it (nothing was executed, or it is torn) what the journal's first event says. */
export function readTrackedPlan(dir: string, started: RunStarted, experiment: string): TrackedPlan {
  try {
    return JSON.parse(readFileSync(join(dir, FILE), 'utf8')) as TrackedPlan;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !hasCode(error, 'ENOENT')) throw error;
    const steps = [...started.steps, ...started.omitted];
    return {
      v: 1,
      recipe: started.recipe,
      experiment,
      tags: [],
      steps: steps.map((id) => ({ id, params: [], outputs: {}, inputs: {}, onParent: 'always' })),
    };
  }
}

function onParent({ action, outputs }: PlanStep): TrackedStep['onParent'] {
  if (action.kind === 'shipped')
    return action.component === 'train' || action.component === 'evaluate' ? 'always' : 'never';
  const measures = Object.values(outputs).some(({ kind }) => kind === 'metrics' || kind === 'model');
  return action.kind === 'own' || measures ? 'always' : 'if-few';
}

/** Dotted keys and text values, as parameters are in MLflow. */
function flatten(config: JsonObject, prefix = ''): KeyValue[] {
  return Object.entries(config).flatMap(([key, value]): KeyValue[] => {
    const name = prefix + key;
    return isJsonObject(value)
      ? flatten(value, `${name}.`)
      : [{ key: fitKey(name), value: fitValue(text(value)) }];
  });
}

function text(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

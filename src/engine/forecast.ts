import type { OutputRef } from '../core/events.ts';
import type { Fingerprint, StepId } from '../core/ids.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import type { Store } from '../store/store.ts';
import { reasonFor } from './explain.ts';
import { History } from './history.ts';
import { prepareTask } from './prepare-task.ts';
import type { References } from './references.ts';
import type { Role } from './selection.ts';
import { CodeBook } from './step-code.ts';

/** What a run would do with a step. */
export interface Forecast {
  readonly step: StepId;
  /** `maybe`: a step before it would run; if that gives the same bytes, this one is cached. */
  readonly would: 'cached' | 'run' | 'maybe' | 'skip';
  readonly reason: string;
  /** Of its result, if it is cached. */
  readonly fingerprint?: Fingerprint;
  /** From the last time it was executed. */
  readonly durationMs: number | undefined;
}

export interface ForecastOptions {
  readonly plan: Plan;
  readonly roles: readonly Role[];
  readonly projectDir: string;
  readonly store: Store;
  /** The cache that machines share, behind the store. */
  readonly shared: RemoteCache | undefined;
  readonly references: References;
}

/** Walks the plan as a run would, without executing or writing anything. */
export async function forecast({
  plan,
  roles,
  projectDir,
  store,
  shared,
  references,
}: ForecastOptions): Promise<Forecast[]> {
  const history = new History(store.index, plan.recipe);
  const code = new CodeBook(projectDir, store.files);
  const outputs = new Map<StepId, Readonly<Record<string, OutputRef>>>();
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  const skipped = new Set<StepId>();
  const found: Forecast[] = [];
  for (const [index, step] of plan.steps.entries()) {
    if (roles[index] === 'omit') continue;
    const durationMs = history.get(step.id)?.durationMs;
    const because = step.needs.find((need) => skipped.has(need));
    if (!step.when || because !== undefined) {
      skipped.add(step.id);
      found.push({
        step: step.id,
        would: 'skip',
        reason: because === undefined ? 'when is false' : `${because} is skipped`,
        durationMs,
      });
      continue;
    }
    const waits = step.needs.find((need) => !outputs.has(need));
    if (waits !== undefined) {
      found.push({ step: step.id, would: 'maybe', reason: `after ${waits}`, durationMs });
      continue;
    }
    if (references.concerns(step)) await references.resolve(step);
    const task = prepareTask(step, {
      projectDir,
      store,
      settings: plan.settings,
      code,
      outputOf: (id, output) => outputOf(byId, outputs, id, output),
      referenced: (reference) => references.referenced(reference),
      toolVersion: (tool) => references.toolVersion(tool),
      probeOf: (one) => references.probeOf(one),
    });
    const result =
      step.cache === 'never'
        ? undefined
        : (store.results.find(task.fingerprint) ?? (await shared?.find(task.fingerprint)));
    if (result !== undefined) {
      outputs.set(step.id, result.outputs);
      found.push({
        step: step.id,
        would: 'cached',
        reason: '',
        fingerprint: task.fingerprint,
        durationMs: result.producer.durationMs,
      });
    } else {
      const reason =
        step.cache === 'never' ? 'cache: never' : reasonFor(store, history.get(step.id)?.fingerprint, task);
      found.push({ step: step.id, would: 'run', reason, durationMs });
    }
  }
  return found;
}

function outputOf(
  byId: ReadonlyMap<StepId, PlanStep>,
  outputs: ReadonlyMap<StepId, Readonly<Record<string, OutputRef>>>,
  id: StepId,
  name: string,
): OutputRef & { path: string } {
  const output = outputs.get(id)?.[name];
  const path = byId.get(id)?.outputs[name]?.path;
  if (output === undefined || path === undefined)
    throw new Error(`Internal error: ${id} has no output ${name}`);
  return { ...output, path };
}

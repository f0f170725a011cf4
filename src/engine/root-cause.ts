import type { StepId } from '../core/ids.ts';
import type { Plan } from '../core/plan.ts';
import type { Store } from '../store/store.ts';
import { type Change, changesBetween, documentOf } from './explain.ts';
import type { History } from './history.ts';

/** Why a step is what it is: what changed in it, and, for inputs, in the steps they come from. */
export interface Cause {
  readonly step: StepId;
  /** The run that first saw it so. */
  readonly run: string;
  readonly at: number;
  /** Empty if there was nothing before it. */
  readonly changes: readonly Change[];
  /** Whether the document before it is still known. */
  readonly isFirst: boolean;
  /** Of the steps whose outputs are inputs that changed. */
  readonly upstream: readonly Cause[];
}

/** Follows changed inputs to the values that a person changed. Undefined if the step has not run. */
export function causeOf(plan: Plan, step: StepId, history: History, store: Store): Cause | undefined {
  const memory = history.get(step);
  if (memory === undefined) return undefined;
  const after = documentOf(store, memory.fingerprint);
  const before = memory.previous === undefined ? undefined : documentOf(store, memory.previous);
  const changes = before === undefined || after === undefined ? [] : changesBetween(before, after);
  const inputs = plan.steps.find(({ id }) => id === step)?.inputs ?? {};
  const producers = changes.flatMap(({ kind, name }) => {
    const input = kind === 'input' ? inputs[name] : undefined;
    return input?.kind === 'output'
      ? [input.step]
      : input?.kind === 'cells'
        ? input.cells.map((cell) => cell.step)
        : [];
  });
  const upstream = [...new Set(producers)].flatMap((producer) => {
    const cause = causeOf(plan, producer, history, store);
    // A producer that changed in an earlier run is not why this one changed now.
    return cause === undefined || cause.at < memory.at - RUN_MS ? [] : [cause];
  });
  return { step, run: memory.run, at: memory.at, changes, isFirst: memory.previous === undefined, upstream };
}

const RUN_MS = 24 * 3_600_000;

/** The changes at the roots: what a person did, by the step it was done to. */
export function rootChanges(cause: Cause): { step: StepId; change: Change }[] {
  const deeper = cause.upstream.flatMap(rootChanges);
  const own = cause.changes.filter(({ kind }) => kind !== 'input' || deeper.length === 0);
  const all = [...own.map((change) => ({ step: cause.step, change })), ...deeper];
  const seen = new Set<string>();
  return all.filter(({ step, change }) => {
    const key = `${step} ${change.kind} ${change.name}`;
    return !seen.has(key) && seen.add(key);
  });
}

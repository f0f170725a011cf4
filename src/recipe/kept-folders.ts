import type { PlanStep } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { booleanValue, durationMs, invalid, knownKeys, MAX_WAIT_MS, textList } from './read-value.ts';
import type { MapTree, Tree } from './tree.ts';

/** How often a fleet saves a checkpoint, unless the step says it. */
const EVERY_MS = 600_000;
const LEAST_MS = 1000;
const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** Folders of a step that outlive its attempts: `checkpoint:` and `caches:`. */
export function readKeptFolders({ entries }: MapTree, scope: Scope): Pick<PlanStep, 'checkpoint' | 'caches'> {
  const [checkpoint, caches] = [entries.get('checkpoint'), entries.get('caches')];
  const names = caches === undefined ? [] : textList(caches.value, 'caches', scope);
  const bad = names.find((name) => !NAME.test(name));
  if (caches !== undefined && bad !== undefined)
    throw invalid(caches.value.span, `caches: ${bad}`, 'is no name of a folder');
  const kept = checkpoint === undefined ? undefined : readCheckpoint(checkpoint.value, scope);
  return {
    ...(kept === undefined ? {} : { checkpoint: kept }),
    ...(names.length === 0 ? {} : { caches: [...new Set(names)] }),
  };
}

function readCheckpoint(tree: Tree, scope: Scope): PlanStep['checkpoint'] {
  if (tree.kind !== 'map') return booleanValue(tree, 'checkpoint', scope) ? { everyMs: EVERY_MS } : undefined;
  knownKeys(tree, 'checkpoint', ['every']);
  const every = tree.entries.get('every');
  if (every === undefined) return { everyMs: EVERY_MS };
  const everyMs = durationMs(every.value, 'checkpoint.every', scope, MAX_WAIT_MS);
  if (everyMs < LEAST_MS) throw invalid(every.value.span, 'checkpoint.every', 'is less than 1s');
  return { everyMs };
}

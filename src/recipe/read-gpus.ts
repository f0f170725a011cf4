import { isGpuId, MOST_GPUS } from '../core/gpu-ids.ts';
import type { Settings } from '../core/plan.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { invalid, wholeNumber } from './read-value.ts';
import type { Entry } from './tree.ts';

/**
 * The setting `gpus:` of a profile: how many GPUs of the machine steps may have, or which.
 *
 * @throws RecipeError VALUE_INVALID
 */
export function readGpus({ value }: Entry, scope: Scope): NonNullable<Settings['gpus']> {
  const said = evaluate(value, scope);
  if (!Array.isArray(said)) return wholeNumber(value, 'gpus', scope, 0, MOST_GPUS);
  const ids = said.map((id) => (typeof id === 'number' ? String(id) : id));
  const bad = ids.findIndex(
    (id, index) => typeof id !== 'string' || !isGpuId(id) || ids.indexOf(id) !== index,
  );
  if (bad === -1) return ids as string[];
  const at = (value.kind === 'list' ? value.items[bad] : undefined) ?? value;
  throw invalid(
    at.span,
    `gpus: ${JSON.stringify(ids[bad])}`,
    'is no device (0, 1, GPU-…), or stands there twice',
  );
}

import type { SelectionRequest } from '../engine/selection.ts';
import { list, type Parsed, text } from './context.ts';

/** `--from`, `--until`, `--only`. */
export function selectionOf(options: Parsed['options']): SelectionRequest {
  return { from: text(options, 'from'), until: text(options, 'until'), only: text(options, 'only') };
}

/** `--force`, or `--force=STEP` for some. */
export function forced(options: Parsed['options']): boolean | readonly string[] {
  const force = list(options, 'force');
  if (force.length === 0) return false;
  return force.includes('') || force;
}

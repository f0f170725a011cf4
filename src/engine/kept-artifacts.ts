import type { OutputKind } from '../core/kinds.ts';

/**
 * Kinds of outputs that a tracked run keeps for good: what one looks at and compares. Tables, folders and
 * other files are the cache's: they may be large, and can be made again.
 */
const KEPT_KINDS: ReadonlySet<OutputKind> = new Set(['model', 'metrics', 'value']);

/** Whether a tracked run keeps an artifact for good. */
export function isKeptArtifact({
  path,
  kind,
}: {
  readonly path: string;
  readonly kind: OutputKind;
}): boolean {
  return path === 'steps.json' || KEPT_KINDS.has(kind);
}

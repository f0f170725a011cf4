import type { OutputKind } from '../core/kinds.ts';
import type { ArtifactWrite } from './tracking-port.ts';

/**
 * Kinds of outputs that a tracked run keeps for good: what one looks at and compares. Tables, folders and
 * other files are the cache's: they may be large, and can be made again.
 */
const KEPT_KINDS: ReadonlySet<OutputKind> = new Set(['model', 'metrics', 'value']);

/** Whether a tracked run keeps an artifact for good. */
export function isKeptArtifact({ path, kind, kept }: Pick<ArtifactWrite, 'path' | 'kind' | 'kept'>): boolean {
  return path === 'steps.json' || kept === true || KEPT_KINDS.has(kind);
}

import type { RunEvent } from '../core/events.ts';
import type { Digest } from '../core/ids.ts';
import type { Store } from '../store/store.ts';

/** Finds out where the verdict of each step lies that gives one. */
export function collectVerdicts(found: Map<string, Digest>): (event: RunEvent) => void {
  return (event) => {
    if (event.type !== 'step.cached' && event.type !== 'step.succeeded') return;
    const verdict = event.outputs['verdict'];
    if (verdict?.kind === 'value') found.set(event.step, verdict.digest);
  };
}

/** @throws BlobDamaged */
export function readVerdict({ blobs }: Store, digest: Digest): string {
  const value = JSON.parse(blobs.read(digest).toString('utf8')) as { verdict?: string };
  return value.verdict ?? 'UNKNOWN';
}

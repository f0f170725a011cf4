import { lstatSync, utimesSync } from 'node:fs';
import type { Digest } from '../core/ids.ts';
import type { Blobs } from './blobs.ts';

/** Younger than this, a blob is out of reach of gc, which leaves a day, for as long as a publish may take. */
export const FRESH_MS = 12 * 3_600_000;

/** Bytes of those blobs that are there. `refreshedAt` makes those young that are old, milliseconds since the Unix epoch. */
export function sizesOf(
  blobs: Blobs,
  digests: readonly Digest[],
  refreshedAt: number | undefined,
): Map<Digest, number> {
  const found = new Map<Digest, number>();
  for (const digest of digests) {
    const path = blobs.path(digest);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() !== true) continue;
    found.set(digest, stats.size);
    if (refreshedAt !== undefined && refreshedAt - stats.mtimeMs > FRESH_MS)
      utimesSync(path, refreshedAt / 1000, refreshedAt / 1000);
  }
  return found;
}

import type { Digest } from '../core/ids.ts';
import { BlobDamaged, type ReadableBlobs } from './blobs.ts';
import { readTree } from './trees.ts';

/**
 * Blobs of a folder that are missing here; the folder's own if its list is. Damaged ones are taken out of use first, and are
 * missing then.
 */
export async function missingOf(blobs: ReadableBlobs, tree: Digest): Promise<readonly Digest[]> {
  if ((await blobs.verify(tree)) !== 'ok') return [tree];
  const missing = new Set<Digest>();
  for (const { digest } of readTree(blobs, tree).files)
    if ((await blobs.verify(digest)) !== 'ok') missing.add(digest);
  return [...missing];
}

/** Whether a folder and all its files are in the store, with the sizes that they had; a damaged one is not. */
export function hasTree(blobs: ReadableBlobs, tree: Digest): boolean {
  if (blobs.size(tree) === undefined) return false;
  try {
    return readTree(blobs, tree).files.every(({ digest, size }) => blobs.has(digest, size));
  } catch (error) {
    if (error instanceof BlobDamaged) return false;
    throw error;
  }
}

import type { Digest } from '../core/ids.ts';
import { BlobDamaged, type Blobs } from './blobs.ts';
import { readTree } from './trees.ts';

/** Whether a folder and all its files are in the store, with the sizes that they had; a damaged one is not. */
export function hasTree(blobs: Blobs, tree: Digest): boolean {
  if (blobs.size(tree) === undefined) return false;
  try {
    return readTree(blobs, tree).files.every(({ digest, size }) => blobs.has(digest, size));
  } catch (error) {
    if (error instanceof BlobDamaged) return false;
    throw error;
  }
}

import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/ids.ts';
import type { OutputKind } from '../core/kinds.ts';
import { BlobDamaged, type Blobs } from './blobs.ts';
import { digestOf } from './hash.ts';
import type { Store } from './store.ts';
import { readTree } from './trees.ts';

/**
 * Pins blobs against gc under `name`, in the store itself and apart for each home, so that projects that
 * share a store never collect each other's models. Written before the row that needs it.
 */
export function pin(
  store: Store,
  home: string,
  name: string,
  blobs: readonly { digest: Digest; kind: OutputKind }[],
): void {
  const path = join(store.layout.roots, digestOf(home).slice(0, 16), name);
  mkdirSync(dirname(path), { recursive: true });
  // Several runs may pin the same model at once.
  const temporary = join(store.layout.tmp, randomUUID());
  writeFileSync(temporary, blobs.map(({ digest, kind }) => `${digest} ${kind}\n`).join(''));
  renameSync(temporary, path);
}

/** Files of a folder's tree; none if the tree itself is lost. */
export function treeDigests(blobs: Blobs, digest: Digest): Digest[] {
  try {
    return readTree(blobs, digest).files.map((file) => file.digest);
  } catch (error) {
    if (error instanceof BlobDamaged) return [];
    throw error;
  }
}

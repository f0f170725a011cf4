import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import type { Store } from './store.ts';

interface ListedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** As it was when gc began: whoever wants the blob sets it to now. */
  readonly mtimeMs: number;
}

/**
 * Removes blobs, unless somebody needs one by now, and gives those that are gone. Each is put out of reach first, and is gone
 * for good only if nothing needs it that was named until then: whoever names it later sees that it is not there.
 *
 * @param needed what is needed at the moment
 */
export function removeBlobs<B extends ListedBlob>(
  { blobs, layout }: Pick<Store, 'blobs' | 'layout'>,
  wanted: readonly B[],
  needed: () => ReadonlySet<Digest>,
): B[] {
  const away = new Map<Digest, { readonly blob: B; readonly path: string }>();
  mkdirSync(layout.tmp, { recursive: true });
  const named = needed();
  try {
    for (const blob of wanted) {
      const { digest, mtimeMs } = blob;
      const at = blobs.path(digest);
      if (named.has(digest) || statSync(at, { throwIfNoEntry: false })?.mtimeMs !== mtimeMs) continue;
      failpoint('gc.before-blob');
      const path = join(layout.tmp, randomUUID());
      if (!hasMoved(at, path)) continue;
      away.set(digest, { blob, path });
      failpoint('gc.after-blob');
    }
  } finally {
    // The list of a folder that comes back says which files it needs.
    while (bringBack(away, needed(), blobs));
    // Another gc may have found it there.
    for (const { path } of away.values()) rmSync(path, { force: true });
  }
  return [...away.values()].map(({ blob }) => blob);
}

/** False: another gc was there first. */
function hasMoved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Whether any came back. */
function bringBack(
  away: Map<Digest, { readonly path: string }>,
  needed: ReadonlySet<Digest>,
  blobs: Pick<Store['blobs'], 'path'>,
): boolean {
  const back = [...away].filter(([digest]) => needed.has(digest));
  for (const [digest, { path }] of back) {
    renameSync(path, blobs.path(digest));
    away.delete(digest);
  }
  return back.length > 0;
}

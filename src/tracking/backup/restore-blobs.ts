import { randomUUID } from 'node:crypto';
import { constants, existsSync, mkdirSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../core/ids.ts';
import { isTree } from '../../core/kinds.ts';
import { shardPath } from '../../store/layout.ts';
import { pin } from '../../store/roots.ts';
import type { Store } from '../../store/store.ts';
import { readTree } from '../../store/trees.ts';
import type { CopiedBlobs } from './copy-blobs.ts';
import { isReproduction } from './is-reproduction.ts';
import { namedBlobs } from './named-blobs.ts';

/** Brings the files of a backup into a store, each checked by its digest, and pins them against gc. */
export async function restoreBlobs(
  { store, home }: { store: Store; home: string },
  db: DatabaseSync,
  from: string,
): Promise<CopiedBlobs> {
  const named = [...namedBlobs(db)].filter(
    ({ digest, isTag }) => !isTag || isReproduction(shardPath(from, digest)),
  );
  // Before the bytes: gc may run at any time.
  await pin(store, home, 'restored', named);
  const { blobs } = store;
  const dir = join(home, 'uploads');
  mkdirSync(dir, { recursive: true });
  let [files, bytes] = [0, 0];
  const lost: Digest[] = [];
  const taken = new Map<Digest, boolean>();
  const take = async (digest: Digest): Promise<boolean> => {
    const before = taken.get(digest);
    if (before !== undefined) return before;
    const isThere = await bring(digest);
    taken.set(digest, isThere);
    if (!isThere) lost.push(digest);
    return isThere;
  };
  const bring = async (digest: Digest): Promise<boolean> => {
    const path = shardPath(from, digest);
    const temporary = join(dir, randomUUID());
    try {
      if (existsSync(path)) {
        await copyFile(path, temporary, constants.COPYFILE_FICLONE);
        const stored = await blobs.putFile(temporary);
        if (stored.digest === digest) {
          [files, bytes] = [files + 1, bytes + stored.size];
          return true;
        }
      }
    } finally {
      rmSync(temporary, { force: true });
    }
    return false;
  };
  for (const { digest, kind } of named) {
    if (!(await take(digest)) || !isTree(kind)) continue;
    for (const file of readTree(blobs, digest).files) await take(file.digest);
  }
  await blobs.settle();
  return { files, bytes, lost };
}

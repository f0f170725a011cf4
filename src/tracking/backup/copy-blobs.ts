import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from '../../core/ids.ts';
import { isTree } from '../../core/kinds.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import { digestFile } from '../../store/hash.ts';
import { shardPath } from '../../store/layout.ts';
import type { Store } from '../../store/store.ts';
import { readTree } from '../../store/trees.ts';
import { isReproduction } from './is-reproduction.ts';
import type { NamedBlob } from './named-blobs.ts';

export interface CopiedBlobs {
  readonly files: number;
  readonly bytes: number;
  /** Digests that the store does not hold, or holds with other bytes. */
  readonly lost: readonly Digest[];
}

/** How many files are copied at once: each waits for the disk. */
const AT_ONCE = 4;

/** Copies blobs and what folders among them list into a folder, and checks each by its digest. */
export async function copyBlobs(store: Store, named: Iterable<NamedBlob>, to: string): Promise<CopiedBlobs> {
  let [files, bytes] = [0, 0];
  const lost: Digest[] = [];
  const seen = new Set<Digest>();
  const pending = each(store, named, lost);
  const work = async (): Promise<void> => {
    for (const digest of pending) {
      if (seen.has(digest)) continue;
      seen.add(digest);
      const size = await copyBlob(store, digest, shardPath(to, digest));
      if (size === undefined) lost.push(digest);
      else [files, bytes] = [files + 1, bytes + size];
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { files, bytes, lost };
}

function* each({ blobs }: Store, named: Iterable<NamedBlob>, lost: Digest[]): Generator<Digest> {
  for (const { digest, kind, isTag } of named) {
    if (isTag && !isReproduction(blobs.path(digest))) continue;
    yield digest;
    if (!isTree(kind)) continue;
    try {
      for (const file of readTree(blobs, digest).files) yield file.digest;
    } catch (error) {
      if (!(error instanceof BlobDamaged)) throw error;
      lost.push(digest);
    }
  }
}

/** Gives its size; undefined if it is not there as its name says. */
async function copyBlob({ blobs }: Store, digest: Digest, to: string): Promise<number | undefined> {
  const size = blobs.size(digest);
  if (size === undefined) return undefined;
  if (existsSync(to)) return size;
  await mkdir(dirname(to), { recursive: true });
  const temporary = `${to}.part`;
  await copyFile(blobs.path(digest), temporary, constants.COPYFILE_FICLONE);
  await chmod(temporary, 0o600);
  if ((await digestFile(temporary, size)) !== digest) {
    await rm(temporary);
    return undefined;
  }
  await rename(temporary, to);
  return size;
}

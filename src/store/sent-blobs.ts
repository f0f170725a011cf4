import { closeSync, existsSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, isDigest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { syncFolder } from './blobs.ts';
import { namesIn } from './if-there.ts';
import { inFolder, makeFolder } from './in-folder.ts';
import { type CacheLayout, shardPath } from './layout.ts';
import { removeFile } from './remove-file.ts';

/**
 * Which blobs of a store clients sent to its server. Who knows a digest need not know the bytes: a blob that is there
 * for another reason, as a file of an experiment, is none of the cache until somebody has sent all of it. In the folder
 * of the cache, beside the blobs, since servers with databases of their own may share that.
 */
export class SentBlobs {
  readonly #layout: Pick<CacheLayout, 'sent' | 'base'>;

  constructor(layout: Pick<CacheLayout, 'sent' | 'base'>) {
    this.#layout = layout;
  }

  has(digest: Digest): boolean {
    return existsSync(this.#path(digest));
  }

  /** Writes down that a blob was sent, which is there already; on the disk when this resolves. */
  async mark(digest: Digest): Promise<void> {
    const path = this.#path(digest);
    const dir = dirname(path);
    const isNew = makeFolder(dir, this.#layout.base);
    if (!isMade(path)) return;
    await Promise.all([syncFolder(dir), ...(isNew ? [syncFolder(dirname(dir))] : [])]);
  }

  #path(digest: Digest): string {
    return shardPath(this.#layout.sent, digest);
  }
}

/** Writes down the same of many, in a folder that nobody else knows yet. */
export function markAll(dir: string, digests: Iterable<Digest>): void {
  for (const digest of digests) {
    const path = shardPath(dir, digest);
    inFolder(dirname(path), () => isMade(path));
  }
}

/** Forgets those whose blobs are gone: the same bytes may come back as something that nobody sent. */
export function forgetGone({
  layout,
  blobs,
}: {
  readonly layout: Pick<CacheLayout, 'sent'>;
  readonly blobs: { readonly size: (digest: Digest) => number | undefined };
}): void {
  for (const shard of namesIn(layout.sent))
    for (const name of namesIn(join(layout.sent, shard)).filter(isDigest))
      if (blobs.size(name as Digest) === undefined) removeFile(join(layout.sent, shard, name));
}

/** False: it was there. */
function isMade(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o644));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

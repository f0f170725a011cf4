import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, type Fingerprint, fingerprint, isDigest } from '../core/ids.ts';
import type { CacheLayout } from './layout.ts';
import type { Result, Results } from './results.ts';

/** Every blob with its size and when it was last placed or kept. */
export function listBlobs({ cas }: CacheLayout): { digest: Digest; size: number; mtimeMs: number }[] {
  return listShards(cas).flatMap(({ name, path }) => {
    // Another gc may have come first.
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ digest: name as Digest, size: stats.size, mtimeMs: stats.mtimeMs }];
  });
}

/** The file of every result. */
export function listResultFiles({
  results,
}: CacheLayout): { fingerprint: Fingerprint; path: string; mtimeMs: number }[] {
  return listShards(results).map(({ name, path }) => ({
    fingerprint: fingerprint(name),
    path,
    mtimeMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
}

/** Every result as written; `undefined` for a file that is none. */
export function listResults(
  layout: CacheLayout,
  results: Results,
): { fingerprint: Fingerprint; result: Result | undefined }[] {
  return listResultFiles(layout).map((file) => ({
    fingerprint: file.fingerprint,
    result: results.read(file.fingerprint),
  }));
}

/** Every result that clients share, by its file, whatever its text says. */
export function listShared({ shared }: CacheLayout): { path: string; mtimeMs: number }[] {
  return listShards(shared).map(({ path }) => ({
    path,
    mtimeMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
}

function listShards(root: string): { name: string; path: string }[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((shard) => /^[0-9a-f]{2}$/.test(shard))
    .flatMap((shard) =>
      readdirSync(join(root, shard))
        .filter(isDigest)
        .map((name) => ({ name, path: join(root, shard, name) })),
    );
}

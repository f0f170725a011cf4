import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Digest, isDigest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { checkpointDigests } from './checkpoint-digests.ts';
import { digestsIn } from './digests-in.ts';
import { namesIn, textOf } from './if-there.ts';
import { markAll } from './sent-blobs.ts';
import type { Store } from './store.ts';
import { listShared } from './walk-cache.ts';

/**
 * In a cache that does not say yet which blobs clients sent, of an earlier version or a new one, takes for sent what
 * shared results, tasks and checkpoints name. Once: later on a name alone, which anybody may write, is no reason.
 *
 * @param now milliseconds since the Unix epoch
 */
export function markNamedBlobs(store: Pick<Store, 'layout' | 'blobs'>, now: number): void {
  const { layout, blobs } = store;
  if (existsSync(layout.sent)) return;
  const named = new Set(checkpointDigests(store, now));
  const add = (text: string): void => {
    for (const digest of digestsIn(text, blobs)) named.add(digest);
  };
  const shared = listShared(layout).map(({ path }) => path);
  for (const path of shared) add(textOf(path) ?? '');
  for (const task of new Set([...shared.map((path) => basename(path)), ...namesIn(layout.flights)])) {
    if (!isDigest(task) || blobs.size(task as Digest) === undefined) continue;
    named.add(task as Digest);
    add(textOf(blobs.path(task as Digest)) ?? '');
  }
  const whole = join(layout.tmp, randomUUID());
  mkdirSync(whole);
  markAll(whole, named);
  try {
    renameSync(whole, layout.sent);
  } catch (error) {
    // Another server of this cache was first.
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST')) throw error;
    rmSync(whole, { recursive: true });
  }
}

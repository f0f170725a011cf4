import { globSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import type { Digest, Fingerprint } from '../core/ids.ts';
import { blobsOf, type Result } from './results.ts';
import { pinnedDigests } from './roots.ts';
import type { Store } from './store.ts';
import { listBlobs, listResults } from './walk-cache.ts';

/** A blob that nothing names is left alone for so long: a publisher may be about to name it. */
const GRACE_MS = 24 * 3_600_000;

export interface GcOptions {
  readonly maxBytes: number;
  readonly now: number;
  readonly dryRun: boolean;
  /** Results that stay: the last few of each step. */
  readonly kept: ReadonlySet<Fingerprint>;
}

export interface GcOutcome {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly results: number;
  readonly blobs: number;
}

/**
 * Removes results, least recently used first, until the cache fits, then blobs that nothing names.
 * What roots pin and the last results of each step stay, whatever their size.
 */
export function collectGarbage(store: Store, { maxBytes, now, dryRun, kept }: GcOptions): GcOutcome {
  const blobs = listBlobs(store.layout);
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  const bytesBefore = blobs.reduce((sum, { size }) => sum + size, 0);
  const uses = new Map<Digest, number>();
  const pinned = pinnedDigests(store);
  for (const digest of pinned) uses.set(digest, Infinity);
  const results = listResults(store.layout, store.results)
    .flatMap(({ fingerprint, result, mtimeMs }) =>
      result === undefined ? [] : [{ fingerprint, result, at: Math.max(result.producer.at, mtimeMs) }],
    )
    .toSorted((a, b) => a.at - b.at);
  const named = new Map(results.map(({ fingerprint, result }) => [fingerprint, namedBy(store, result)]));
  for (const digests of named.values())
    for (const digest of digests) uses.set(digest, (uses.get(digest) ?? 0) + 1);
  let bytes = bytesBefore;
  let removedResults = 0;
  for (const { fingerprint } of results) {
    if (bytes <= maxBytes) break;
    if (kept.has(fingerprint)) continue;
    removedResults += 1;
    failpoint('gc.before-result');
    if (!dryRun) rmSync(store.results.path(fingerprint), { force: true });
    for (const digest of named.get(fingerprint) ?? []) {
      const left = (uses.get(digest) ?? 1) - 1;
      uses.set(digest, left);
      if (left === 0) bytes -= sizes.get(digest) ?? 0;
    }
  }
  let removedBlobs = 0;
  let bytesAfter = bytesBefore;
  for (const { digest, size, mtimeMs } of blobs) {
    const isOrphan = (uses.get(digest) ?? 0) <= 0;
    // What gc itself has just unnamed was complete: only blobs that never had a name wait.
    const wasNamed = uses.has(digest);
    if (!isOrphan || (!wasNamed && now - mtimeMs < GRACE_MS)) continue;
    // A publisher that wants it has set its time to now since this gc began.
    if (statSync(store.blobs.path(digest), { throwIfNoEntry: false })?.mtimeMs !== mtimeMs) continue;
    removedBlobs += 1;
    bytesAfter -= size;
    failpoint('gc.before-blob');
    if (!dryRun) rmSync(store.blobs.path(digest), { force: true });
  }
  failpoint('gc.after-blobs');
  if (!dryRun) removeTemporaries(store, now);
  return { bytesBefore, bytesAfter, results: removedResults, blobs: removedBlobs };
}

/** A quarter of what the disk could give: what is free, and what the cache holds already. */
export function defaultMaxBytes(store: Store, used: number): number {
  const { bavail, bsize } = statfsSync(store.layout.root);
  return (bavail * bsize + used) / 4;
}

/** Blobs of a result, and its task document, which is a blob of the fingerprint's own name. */
function namedBy(store: Store, result: Result): Set<Digest> {
  const digests = blobsOf(result, store.blobs);
  digests.add(result.fingerprint as string as Digest);
  return digests;
}

/** What processes that died left half written, in `cas/tmp` and beside results. */
function removeTemporaries({ layout }: Store, now: number): void {
  const halfWritten = [
    ...readdirSync(layout.tmp).map((name) => join(layout.tmp, name)),
    ...globSync('*/.*', { cwd: layout.results }).map((name) => join(layout.results, name)),
  ];
  for (const path of halfWritten) {
    const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - mtimeMs > GRACE_MS) rmSync(path, { force: true, recursive: true });
  }
}

import { globSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import type { Digest, Fingerprint } from '../core/ids.ts';
import { checkpointDigests } from './checkpoint-digests.ts';
import { digestsIn } from './digests-in.ts';
import { holdFile } from './hold-file.ts';
import { textOf } from './if-there.ts';
import { removeOldFlights } from './old-flights.ts';
import { FORGOTTEN_MS, isUploadRecord } from './remote/upload-records.ts';
import { removeBlobs } from './remove-blobs.ts';
import { blobsOf } from './results.ts';
import { pinnedDigests } from './roots.ts';
import { forgetGone } from './sent-blobs.ts';
import type { Store } from './store.ts';
import { listBlobs, listResultFiles, listShared } from './walk-cache.ts';

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
  /** That nobody has written to for a week, whatever the size. */
  readonly flights: number;
}

/**
 * Removes results, one's own and shared ones, least recently used first, until the cache fits, then blobs that nothing names.
 * What roots pin, the last results of each step and checkpoints of a fleet stay, whatever their size. Old flights go in any case.
 */
export function collectGarbage(store: Store, { maxBytes, now, dryRun, kept }: GcOptions): GcOutcome {
  const blobs = listBlobs(store.layout);
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  const bytesBefore = blobs.reduce((sum, { size }) => sum + size, 0);
  const uses = new Map<Digest, number>();
  for (const digest of staying(store, now)) uses.set(digest, Infinity);
  const results = [...ownResults(store), ...sharedResults(store)].toSorted((a, b) => a.at - b.at);
  for (const { named } of results) for (const digest of named) uses.set(digest, (uses.get(digest) ?? 0) + 1);
  let bytes = bytesBefore;
  let removedResults = 0;
  for (const { path, fingerprint, named } of results) {
    if (bytes <= maxBytes) break;
    if (fingerprint !== undefined && kept.has(fingerprint)) continue;
    removedResults += 1;
    failpoint('gc.before-result');
    if (!dryRun) rmSync(path, { force: true });
    for (const digest of named) {
      const left = (uses.get(digest) ?? 1) - 1;
      uses.set(digest, left);
      if (left === 0) bytes -= sizes.get(digest) ?? 0;
    }
  }
  const orphans = blobs.filter(({ digest, mtimeMs }) => {
    // What gc itself has just unnamed was complete: only blobs that never had a name wait.
    const wasNamed = uses.has(digest);
    return (uses.get(digest) ?? 0) <= 0 && (wasNamed || now - mtimeMs >= GRACE_MS);
  });
  const seen = new Set(results.map(({ path, mtimeMs }) => `${path} ${mtimeMs}`));
  const removed = dryRun ? orphans : removeBlobs(store, orphans, () => namedSince(store, seen, now));
  const bytesAfter = bytesBefore - removed.reduce((sum, { size }) => sum + size, 0);
  failpoint('gc.after-blobs');
  if (!dryRun) forgetGone(store);
  const flights = removeOldFlights(store.layout, { now, dryRun });
  if (!dryRun) removeTemporaries(store, now);
  return { bytesBefore, bytesAfter, results: removedResults, blobs: removed.length, flights };
}

/** A quarter of what the disk could give: what is free, and what the cache holds already. */
export function defaultMaxBytes(store: Store, used: number): number {
  const { bavail, bsize } = statfsSync(store.layout.root);
  return (bavail * bsize + used) / 4;
}

interface Collectable {
  readonly path: string;
  readonly mtimeMs: number;
  /** When it was last of use, as far as it is known: milliseconds since the Unix epoch. */
  readonly at: number;
  /** Undefined: one that clients share. */
  readonly fingerprint: Fingerprint | undefined;
  /** Blobs that it needs, and its task document, which is a blob of the fingerprint's own name. */
  readonly named: ReadonlySet<Digest>;
}

function ownResults({ layout, results, blobs }: Store, seen: ReadonlySet<string> = NONE): Collectable[] {
  return listResultFiles(layout).flatMap(({ fingerprint, path, mtimeMs }) => {
    const result = seen.has(`${path} ${mtimeMs}`) ? undefined : results.read(fingerprint);
    if (result === undefined) return [];
    const named = blobsOf(result, blobs);
    named.add(fingerprint as string as Digest);
    return [{ path, mtimeMs, at: Math.max(result.producer.at, mtimeMs), fingerprint, named }];
  });
}

/** What a client wrote says nothing that counts but which blobs it needs. */
function sharedResults({ layout, blobs }: Store, seen: ReadonlySet<string> = NONE): Collectable[] {
  return listShared(layout).flatMap(({ path, mtimeMs }) => {
    const text = seen.has(`${path} ${mtimeMs}`) ? undefined : textOf(path);
    if (text === undefined) return [];
    const named = digestsIn(text, blobs);
    named.add(basename(path) as Digest);
    return [{ path, mtimeMs, at: mtimeMs, fingerprint: undefined, named }];
  });
}

const NONE: ReadonlySet<string> = new Set();

/** What no result needs to name: pinned blobs, and those of checkpoints. */
function staying(store: Store, now: number): ReadonlySet<Digest> {
  return pinnedDigests(store).union(checkpointDigests(store, now));
}

/** What stays in any case, and what those results need that are there now and were not seen. */
function namedSince(store: Store, seen: ReadonlySet<string>, now: number): Set<Digest> {
  const named = new Set(staying(store, now));
  for (const one of [...ownResults(store, seen), ...sharedResults(store, seen)])
    for (const digest of one.named) named.add(digest);
  return named;
}

/** What processes that died left half written, in `cas/tmp` and beside results. */
function removeTemporaries({ layout }: Store, now: number): void {
  const halfWritten = [
    ...readdirSync(layout.tmp).map((name) => join(layout.tmp, name)),
    ...[layout.results, layout.shared].flatMap((dir) =>
      globSync('*/.*', { cwd: dir }).map((name) => join(dir, name)),
    ),
  ];
  for (const path of halfWritten) {
    const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (now - mtimeMs <= (isUploadRecord(path) ? FORGOTTEN_MS : GRACE_MS)) continue;
    // One that a process holds says that it lives, however old it is; letting go of another removes it.
    if (path.endsWith('.lock')) holdFile(path)?.[Symbol.dispose]();
    else rmSync(path, { force: true, recursive: true });
  }
}

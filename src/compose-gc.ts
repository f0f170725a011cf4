import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Surroundings } from './compose-home.ts';
import { livingMarks } from './engine/active-runs.ts';
import { keptResults } from './engine/kept-results.ts';
import { type CheckpointsGone, collectCheckpoints } from './engine/old-checkpoints.ts';
import { journalPath } from './engine/read-journal.ts';
import { SingleFlight } from './engine/single-flight.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import { collectGarbage, defaultMaxBytes } from './store/gc.ts';
import { removeOldFlights } from './store/old-flights.ts';
import type { Store } from './store/store.ts';
import { listBlobs } from './store/walk-cache.ts';

const DAY_MS = 86_400_000;

interface Kept {
  readonly home: string;
  readonly store: Store;
}

/** Removes the checkpoints of a home that nobody goes on from, or only counts them. */
export function collectHomeCheckpoints(
  { home, store }: Kept,
  { pid, world }: Pick<Surroundings, 'pid' | 'world'>,
  { dryRun }: { readonly dryRun: boolean },
): CheckpointsGone {
  return collectCheckpoints({
    home,
    results: store.results,
    flights: new SingleFlight(store.index, identityOf(pid), `gc of pid ${pid}`, isAlive),
    // A mark without a journal is a worker's, or that of a run that has only just begun.
    hasWorker: () => livingMarks(home, isAlive).some(({ name }) => !existsSync(journalPath(home, name))),
    now: world.clock.now(),
    dryRun,
  });
}

/** Once a day, after a run: the cache is brought back to its size, bytes (default: a quarter of what it has and what is free). */
export function collectGarbageDaily(
  kept: Kept,
  surroundings: Pick<Surroundings, 'pid' | 'world'>,
  maxBytes: number | undefined,
): void {
  const { home, store } = kept;
  const now = surroundings.world.clock.now();
  const mark = join(home, 'last-gc');
  const last = statSync(mark, { throwIfNoEntry: false })?.mtimeMs;
  if (last !== undefined && now - last < DAY_MS) return;
  writeFileSync(mark, '');
  if (last === undefined) return;
  removeOldFlights(store.layout, { now, dryRun: false });
  collectHomeCheckpoints(kept, surroundings, { dryRun: false });
  const used = listBlobs(store.layout).reduce((sum, { size }) => sum + size, 0);
  const limit = maxBytes ?? defaultMaxBytes(store, used);
  if (used > limit)
    collectGarbage(store, { maxBytes: limit, now, dryRun: false, kept: keptResults(home, store.index) });
}

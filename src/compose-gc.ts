import { existsSync } from 'node:fs';
import type { Surroundings } from './compose-home.ts';
import { livingMarks } from './engine/active-runs.ts';
import { type CheckpointsGone, collectCheckpoints } from './engine/old-checkpoints.ts';
import { journalPath } from './engine/read-journal.ts';
import { SingleFlight } from './engine/single-flight.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import type { Store } from './store/store.ts';

/** Removes the checkpoints of a home that nobody goes on from, or only counts them. */
export function collectHomeCheckpoints(
  { home, store }: { readonly home: string; readonly store: Store },
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

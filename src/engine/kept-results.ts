import type { DatabaseSync } from 'node:sqlite';
import type { Fingerprint } from '../core/ids.ts';
import { markedRuns } from './active-runs.ts';
import { keptFingerprints } from './history.ts';
import { readJournal } from './read-journal.ts';

/**
 * Results that gc keeps: the last few of each step of each recipe, and those of runs that go on or were cut off and
 * are not closed yet, as what they gave may not be tracked so far.
 */
export function keptResults(home: string, index: DatabaseSync): ReadonlySet<Fingerprint> {
  const open = markedRuns(home).flatMap((run) =>
    readJournal(home, run).flatMap((event) =>
      event.type === 'step.succeeded' || event.type === 'step.cached' ? [event.fingerprint] : [],
    ),
  );
  return new Set([...keptFingerprints(index), ...open]);
}

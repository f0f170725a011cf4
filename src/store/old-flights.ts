import { randomUUID } from 'node:crypto';
import { renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { namesIn } from './if-there.ts';
import type { CacheLayout } from './layout.ts';
import { isNonce } from './remote/flight-path.ts';

/** So long after its last record a flight is of no use to anybody. */
export const FLIGHT_MS = 7 * 24 * 3_600_000;

/** Removes the flights that nobody has written to for a week, and says how many they are; with `dryRun` only that. */
export function removeOldFlights(
  { flights, tmp }: Pick<CacheLayout, 'flights' | 'tmp'>,
  { now, dryRun }: { readonly now: number; readonly dryRun: boolean },
): number {
  let removed = 0;
  for (const fingerprint of namesIn(flights).filter(isDigest)) {
    const ofTask = join(flights, fingerprint);
    for (const nonce of namesIn(ofTask).filter(isNonce)) {
      // A folder is as old as the last name that was given in it.
      const mtimeMs = statSync(join(ofTask, nonce), { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (now - mtimeMs <= FLIGHT_MS) continue;
      if (dryRun || takeAway(join(ofTask, nonce), join(tmp, randomUUID()))) removed += 1;
    }
    if (!dryRun) removeIfEmpty(ofTask);
  }
  return removed;
}

/** All records at once: nobody sees an end without its start. */
function takeAway(flight: string, aside: string): boolean {
  try {
    renameSync(flight, aside);
  } catch (error) {
    // Another gc was first.
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  rmSync(aside, { force: true, recursive: true });
  return true;
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST') && !hasCode(error, 'ENOENT')) throw error;
  }
}

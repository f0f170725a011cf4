import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, isDigest } from '../core/ids.ts';
import { digestsIn } from './digests-in.ts';
import { namesIn, textOf } from './if-there.ts';
import { FLIGHT_MS } from './old-flights.ts';
import { OF_ALL } from './remote/flight-path.ts';
import type { Store } from './store.ts';

/** Blobs that checkpoints of a fleet are of, while their records live: somebody may go on from one. */
export function checkpointDigests(
  { layout, blobs }: Pick<Store, 'layout' | 'blobs'>,
  now: number,
): ReadonlySet<Digest> {
  const digests = new Set<Digest>();
  for (const task of namesIn(layout.flights).filter(isDigest)) {
    const dir = join(layout.flights, task, OF_ALL);
    const stats = statSync(dir, { throwIfNoEntry: false });
    if (stats === undefined || now - stats.mtimeMs > FLIGHT_MS) continue;
    for (const name of namesIn(dir).filter((one) => one.startsWith('checkpoint-')))
      for (const digest of digestsIn(textOf(join(dir, name)) ?? '', blobs)) digests.add(digest);
  }
  return digests;
}

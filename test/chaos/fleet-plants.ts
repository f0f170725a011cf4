import type { FleetFault } from './fleet-faults.ts';
import { FLEET_FAULTS } from './fleet-faults.ts';
import type { FleetCourse } from './fleet-trial.ts';
import type { Plant } from './plants.ts';

/** A bug of a fleet that somebody might make, and the trial that must notice it. */
export interface FleetPlant extends Pick<Plant, 'name' | 'changes' | 'caughtAs'> {
  readonly course: FleetCourse;
}

const QUIET: FleetCourse = { faults: [], workers: 2, longest: 0.4, moves: false };

export const FLEET_PLANTS: readonly FleetPlant[] = [
  {
    name: 'a worker says that it is done before the shared cache has the result',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: `await this.#insist(live, () => this.#published(flight.fingerprint, parcel));`,
        to: `void this.#options.world.clock.sleep(4000).then(() => this.#published(flight.fingerprint, parcel));`,
      },
      {
        file: 'src/executors/fleet/execute-parcel.ts',
        from: `      ...shop,
      shared,`,
        to: `      ...shop,
      shared: undefined,`,
      },
    ],
    course: QUIET,
    caughtAs: /^F3 .* is executed \d+ times/,
  },
  {
    name: 'a run believes the queue that a task is gone',
    changes: [
      {
        file: 'src/executors/fleet/flight-watch.ts',
        from: `        // Between the two looks it may have ended.`,
        to: `        throw new Ended({ reason: 'infra', detail: 'the queue has lost it' });`,
      },
    ],
    // Some moments find nothing that waits.
    course: {
      ...QUIET,
      workers: 1,
      longest: 12,
      faults: Array.from({ length: 4 }, () => faultOf('Redis forgets everything')),
    },
    caughtAs: /^F1 the disturbed run ends with 1/,
  },
  {
    name: 'a worker says only once what it runs',
    changes: [
      {
        file: 'src/executors/fleet/announcements.ts',
        from: `every(clock, lockMs / 3, () => this.renew())`,
        to: `every(clock, lockMs / 3, () => {})`,
      },
    ],
    course: {
      ...QUIET,
      longest: 25,
      faults: Array.from({ length: 3 }, () => faultOf('Redis is killed and comes back empty')),
    },
    caughtAs: /^F3 alone is executed \d+ times/,
  },
  {
    name: 'what a step gave is in the shared cache under the digest of something else',
    changes: [
      {
        file: 'src/store/remote/folder-remote.ts',
        from: `      else await this.#blobs.putCopy(path);`,
        to: `      else await this.#blobs.putCopy(path);
        await chmod(this.#blobs.path(digest), 0o600);
        if (size > 20) await truncate(this.#blobs.path(digest), size - 1);`,
      },
      {
        file: 'src/store/remote/folder-remote.ts',
        from: `import { createReadStream, lstatSync, readFileSync } from 'node:fs';`,
        to: `import { createReadStream, lstatSync, readFileSync } from 'node:fs';
import { chmod, truncate } from 'node:fs/promises';`,
      },
    ],
    course: QUIET,
    caughtAs: /^(?:I3 the blob|F1 the disturbed run)/,
  },
];

function faultOf(name: string): FleetFault {
  const fault = FLEET_FAULTS.find((one) => one.name === name);
  if (fault === undefined) throw new Error(`there is no fault: ${name}`);
  return fault;
}

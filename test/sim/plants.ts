import type { Plant } from '../chaos/plants.ts';

/** A bug of drivers and leases, and how the simulator says that it is there. */
export type SimPlant = Pick<Plant, 'name' | 'changes' | 'caughtAs'> & {
  /** Courses of this kind that it has to be seen in. */
  readonly kind: string;
  readonly runs: number;
};

export const SIM_PLANTS: readonly SimPlant[] = [
  {
    name: 'a driver that has lost its run ends it all the same',
    changes: [
      {
        file: 'src/ledger/submissions.ts',
        from: 'SET ${set} WHERE submission_id = ? AND epoch = ?',
        to: 'SET ${set} WHERE submission_id = ? AND epoch >= 0 * ?',
      },
    ],
    caughtAs: /violation: S[12] /,
    kind: 'submissions',
    runs: 20,
  },
  {
    name: 'what a driver says that has lost its run is written down',
    changes: [
      {
        file: 'src/ledger/submission-events.ts',
        from: 'WHERE submission_id = ? AND epoch = ? AND',
        to: 'WHERE submission_id = ? AND epoch >= 0 * ? AND',
      },
    ],
    caughtAs: /violation: S[25] /,
    kind: 'submissions',
    runs: 20,
  },
  {
    name: 'a lease is over by the clock of whoever wants it',
    changes: [
      {
        file: 'src/ledger/submission-driver.ts',
        from: 'now: await this.#now(sql),\n        leaseMs',
        to: 'now: this.#place.clock.now(),\n        leaseMs',
      },
    ],
    caughtAs: /violation: S3 /,
    kind: 'submissions',
    runs: 20,
  },
  {
    name: 'what a run says while the ledger is away is forgotten',
    changes: [
      { file: 'src/ledger/held-submission.ts', from: '      this.#pending.unshift(...events);\n', to: '' },
    ],
    caughtAs: /violation: S9 /,
    kind: 'submissions',
    runs: 20,
  },
];

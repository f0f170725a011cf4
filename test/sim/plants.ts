import type { Plant } from '../chaos/plants.ts';
import { CHAIN_PLANTS } from './chain-plants.ts';
import { FLIGHT_PLANTS } from './flight-plants.ts';
import { LIMIT_PLANTS } from './limit-plants.ts';

/** A bug of drivers, schedulers and leases, and how the simulator says that it is there. */
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
  {
    name: 'a scheduler that died is one whose lease is over by the clock of whoever looks',
    changes: [
      {
        file: 'src/compose-scheduler.ts',
        from: 'closeLapsed(sql, id, await this.#schedules.now(sql))',
        to: 'closeLapsed(sql, id, this.#surroundings.world.clock.now())',
      },
    ],
    caughtAs: /violation: T2 /,
    kind: 'ticks',
    runs: 8,
  },
  {
    name: 'a tick falls due by the clock of its scheduler',
    changes: [
      {
        file: 'src/compose-scheduler.ts',
        from: 'const now = await ledger.read(async (sql) => this.#schedules.now(sql));',
        to: 'const now = await ledger.read(async () => this.#surroundings.world.clock.now());',
      },
    ],
    caughtAs: /violation: T5 /,
    kind: 'ticks',
    runs: 8,
  },
  {
    name: 'a tick that waits is begun though its schedule is paused',
    changes: [
      {
        file: 'src/ledger/ticks.ts',
        from: 'const asked = held.isPaused ?',
        to: 'const asked = held.cursor < 0 ?',
      },
    ],
    caughtAs: /violation: T4 .* begins in a pause/,
    kind: 'ticks',
    runs: 40,
  },
  {
    name: 'a tick whose scheduler died is run once more',
    changes: [
      {
        file: 'src/ledger/ticks.ts',
        from: '    if (tick.run === undefined) await',
        to: '    if (tick.number >= 0) await',
      },
    ],
    caughtAs: /violation: T1 /,
    kind: 'ticks',
    runs: 20,
  },
  {
    name: 'a tick is given up when its lease is not renewed for once',
    changes: [
      {
        file: 'src/ledger/proved-lease.ts',
        from: "if (!this.isProvable) onLost('away')",
        to: "onLost('away')",
      },
    ],
    caughtAs: /violation: T10 .* is interrupted/,
    kind: 'ticks',
    runs: 20,
  },
  {
    name: 'a tick finds nothing changed since one that failed',
    changes: [
      {
        file: 'src/ledger/ticks.ts',
        from: "seen IS NOT NULL AND state IN ('succeeded', 'rejected', 'unchanged')",
        to: "seen IS NOT NULL AND state IN ('succeeded', 'failed', 'rejected', 'unchanged')",
      },
    ],
    caughtAs: /violation: T11 .* was not seen before/,
    kind: 'ticks',
    runs: 20,
  },
  {
    name: 'a tick looks for changes since the first that ended',
    changes: [
      {
        file: 'src/ledger/ticks.ts',
        from: "'rejected', 'unchanged')\n     ORDER BY ended_at DESC",
        to: "'rejected', 'unchanged')\n     ORDER BY ended_at ASC",
      },
    ],
    caughtAs: /violation: T11 .* was seen before/,
    kind: 'ticks',
    runs: 20,
  },
  {
    name: 'what was asked for is not run as nothing has changed',
    changes: [
      {
        file: 'src/ledger/held-tick.ts',
        from: "if (cause === 'request' || cause === 'backfill') return false;",
        to: "if (cause === 'backfill') return false;",
      },
    ],
    caughtAs: /violation: T11 .* was asked for/,
    kind: 'ticks',
    runs: 60,
  },
  {
    name: 'a scheduler goes on waiting for a tick whose time has come',
    changes: [
      {
        file: 'src/compose-scheduler.ts',
        from: 'now < before.until) return',
        to: 'now < before.until + 90_000) return',
      },
    ],
    caughtAs: /violation: T[57] /,
    kind: 'ticks',
    runs: 20,
  },
  ...CHAIN_PLANTS,
  ...LIMIT_PLANTS,
  ...FLIGHT_PLANTS,
];

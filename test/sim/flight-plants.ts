import type { SimPlant } from './plants.ts';

const RUNS = 60;

/** Bugs of flights, of which each step of a fleet's run is one. */
export const FLIGHT_PLANTS: readonly SimPlant[] = [
  {
    name: 'a worker does not say again what it runs',
    changes: [
      {
        file: 'src/executors/fleet/announcements.ts',
        from: 'if (this.#jobs.size > 0) this.#keys.renew(this.#jobs);',
        to: '',
      },
    ],
    caughtAs: /violation: F4 /,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'a worker begins at once after Redis was away',
    changes: [
      {
        file: 'src/executors/fleet/hold.ts',
        from: 'left > 0; left = this.#left',
        to: 'left > 1e9; left = this.#left',
      },
    ],
    caughtAs: /violation: F4 /,
    kind: 'flights',
    runs: 20 * RUNS,
  },
  {
    name: 'a worker does not look whether a task is done',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: "const there = parcel.replace ? 'absent' : await this.#lookFor(message.fingerprint);",
        to: "const there = parcel.replace ? 'absent' : ('absent' as Awaited<ReturnType<MessageTaker['#lookFor']>>);",
      },
    ],
    caughtAs: /violation: F2 /,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'a worker begins what nobody waits for any more',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: 'if (before.isCancelled) return;',
        to: '',
      },
    ],
    caughtAs: /violation: F3 .* which was cancelled/,
    kind: 'flights',
    runs: 4 * RUNS,
  },
  {
    name: 'a worker begins what it has read the end of',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: 'else if (before.end === undefined) {',
        to: 'else {',
      },
    ],
    caughtAs: /violation: F3 /,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'what kills its workers is begun again and again',
    changes: [
      {
        file: 'src/executors/fleet/flight-records.ts',
        from: 'MOST_STARTS = 3',
        to: 'MOST_STARTS = 300',
      },
    ],
    caughtAs: /violation: F3 .* starts were lost/,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'a start whose worker lives, and does not hear the store, counts as lost',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: 'await this.#insist(live, () => recordGivenBack(shared.remote, flight, id, before));',
        to: '{}',
      },
    ],
    caughtAs: /violation: F5 .* is taken for poison/,
    kind: 'flights',
    runs: 4 * RUNS,
  },
  {
    name: 'a forced step is done when the store has what was there before',
    changes: [
      {
        file: 'src/executors/fleet/message-taker.ts',
        from: 'return there !== undefined && (!replace ||',
        to: 'return there !== undefined && (replace || !replace ||',
      },
    ],
    caughtAs: /violation: F5 .* though it was to be made anew/,
    kind: 'flights',
    runs: 2 * RUNS,
  },
  {
    name: 'a run does not put back what a queue has lost',
    changes: [
      {
        file: 'src/executors/fleet/flight-watch.ts',
        from: "if (state === 'absent') {",
        to: "if (state === 'absent' && this.#flight === undefined) {",
      },
    ],
    caughtAs: /violation: F6 .* has not ended/,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'a run takes what a queue has lost for failed',
    changes: [
      {
        file: 'src/executors/fleet/flight-watch.ts',
        from: '// Between the two looks it may have ended.',
        to: "throw new Ended({ reason: 'infra', detail: 'the queue has lost it' });",
      },
    ],
    caughtAs: /violation: F5 .* the queue has lost it/,
    kind: 'flights',
    runs: RUNS,
  },
  {
    name: 'a run waits for a flight that another has given up',
    changes: [
      {
        file: 'src/executors/fleet/flight-watch.ts',
        from: 'if (isCancelled) this.#beginAgain();',
        to: '',
      },
    ],
    caughtAs: /violation: F6 .* has not ended/,
    kind: 'flights',
    runs: 20 * RUNS,
  },
  {
    name: 'other bytes take the place of what was there first',
    changes: [
      {
        file: 'src/store/remote/remote-cache.ts',
        from: 'const there = replace ? undefined : this.#accepted(before, result.fingerprint);',
        to: 'const there = replace || !replace ? undefined : this.#accepted(before, result.fingerprint);',
      },
    ],
    caughtAs: /violation: F1 /,
    kind: 'flights',
    runs: 20 * RUNS,
  },
];

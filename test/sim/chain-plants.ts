import type { SimPlant } from './plants.ts';

const RUNS = 20;

/** Bugs of schedules that follow runs. */
export const CHAIN_PLANTS: readonly SimPlant[] = [
  {
    name: 'a schedule follows runs that failed',
    changes: [
      {
        file: 'src/ledger/submissions.ts',
        from: "WHERE state = 'succeeded' AND project_dir = ?",
        to: "WHERE state IN ('succeeded', 'failed') AND project_dir = ?",
      },
    ],
    caughtAs: /violation: C1 /,
    kind: 'chains',
    runs: RUNS,
  },
  {
    name: 'a schedule follows runs that left steps out',
    changes: [
      {
        file: 'src/compose-endings.ts',
        from: 'Object.values(settings.selection).every((one) => one === undefined)',
        to: 'Object.values(settings.selection).every((one) => one !== null)',
      },
    ],
    caughtAs: /violation: C1 /,
    kind: 'chains',
    runs: RUNS,
  },
  {
    name: 'an end whose value is that of the end before it starts something',
    changes: [
      {
        file: 'src/ledger/end-ticks.ts',
        from: 'if (onlyChanges && last !== undefined && end.value === last) continue;',
        to: 'if (onlyChanges && last !== undefined && end.value === last && end.at < 0) continue;',
      },
    ],
    caughtAs: /violation: C1 /,
    kind: 'chains',
    runs: RUNS,
  },
  {
    name: 'an end is made a tick of that has one',
    changes: [
      {
        file: 'src/ledger/end-ticks.ts',
        from: 'if (runs.has(end.run)) continue;',
        to: 'if (runs.has(end.run) && end.at % 2 === 0) continue;',
      },
    ],
    caughtAs: /violation: C[14] /,
    kind: 'chains',
    runs: RUNS,
  },
  {
    name: 'an end is missed when it is a second late',
    changes: [
      {
        file: 'src/schedule/due.ts',
        from: 'const onTime = past.filter((end) => lateness(end) <= ON_TIME_MS);\n  const missed = past.filter((end) => lateness(end) > ON_TIME_MS);',
        to: 'const onTime = past.filter((end) => lateness(end) <= 1000);\n  const missed = past.filter((end) => lateness(end) > 1000);',
      },
    ],
    caughtAs: /violation: T7 .* is left out/,
    kind: 'chains',
    runs: RUNS,
  },
  {
    name: 'an end starts something at once, whatever the jitter',
    changes: [
      {
        file: 'src/schedule/due.ts',
        from: 'const past = ends.filter((end) => lateness(end) >= 0);',
        to: 'const past = ends.filter((end) => lateness(end) >= -20_000);',
      },
    ],
    caughtAs: /violation: T5 /,
    kind: 'chains',
    runs: RUNS,
  },
];

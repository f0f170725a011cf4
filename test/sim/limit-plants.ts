import type { SimPlant } from './plants.ts';

const RUNS = 20;

/** Bugs of named limits. */
export const LIMIT_PLANTS: readonly SimPlant[] = [
  {
    name: 'one more than a limit allows has it',
    changes: [
      {
        file: 'src/ledger/limit-leases.ts',
        from: 'if (flights.size >= most && !flights.has(flight))',
        to: 'if (flights.size > most && !flights.has(flight))',
      },
    ],
    caughtAs: /violation: L1 /,
    kind: 'limits',
    runs: RUNS,
  },
  {
    name: 'a lease is taken without another look under the lock',
    changes: [
      {
        file: 'src/ledger/limit-leases.ts',
        from: 'const inTheWay = await limitInTheWay(sql, lease, now);\n  if',
        to: 'const inTheWay = await limitInTheWay(sql, { ...lease, limits: [] }, now);\n  if',
      },
    ],
    caughtAs: /violation: L1 /,
    kind: 'limits',
    runs: 10 * RUNS,
  },
  {
    name: 'leases are not renewed while what has them runs',
    changes: [
      {
        file: 'src/ledger/held-limits.ts',
        from: 'if (this.#held.size === 0) return;',
        to: 'if (this.#held.size >= 0) return;',
      },
    ],
    caughtAs: /violation: L3 /,
    kind: 'limits',
    runs: 2 * RUNS,
  },
  {
    name: 'what was given back is renewed',
    changes: [
      {
        file: 'src/ledger/held-limits.ts',
        from: 'if (!this.#held.delete(lease)) return;',
        to: 'if (!this.#held.has(lease)) return;',
      },
    ],
    caughtAs: /violation: L[145] /,
    kind: 'limits',
    runs: RUNS,
  },
  {
    name: 'a lease of a step that may not begin yet is kept',
    changes: [
      {
        file: 'src/engine/shared-limits.ts',
        from: "if (state === 'granted') {",
        to: "if (state === 'granted' && isOver) {",
      },
    ],
    caughtAs: /violation: L[24] /,
    kind: 'limits',
    runs: 10 * RUNS,
  },
  {
    name: 'limits are given back by name, whoever has them',
    changes: [
      {
        file: 'src/ledger/limit-leases.ts',
        from: "'DELETE FROM limit_leases WHERE limit_name = ? AND flight = ? AND run_id = ? AND step_id = ?'",
        to: "'DELETE FROM limit_leases WHERE limit_name = ? AND flight >= substr(?, 1, 0) AND run_id >= substr(?, 1, 0) AND step_id >= substr(?, 1, 0)'",
      },
    ],
    caughtAs: /violation: L[123] /,
    kind: 'limits',
    runs: RUNS,
  },
];

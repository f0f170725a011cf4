import { Scheduler, type SchedulerPlace, type SchedulerRequest } from '../../src/compose-scheduler.ts';
import type { ScheduleDesk } from '../../src/compose-schedules.ts';
import type { Clock } from '../../src/core/world.ts';
import type { Database, Sql } from '../../src/db/sql.ts';
import { listSchedules } from '../../src/ledger/schedules.ts';

/** The project of schedules that have none: what is there is read without waiting, and there is nothing. */
export const NOWHERE = '/nonexistent';

export interface LedgerScheduler extends SchedulerRequest {
  readonly ledger: Database;
  readonly clock: Clock;
  /** By the ledger's clock. */
  readonly now: (sql: Sql) => Promise<number>;
  readonly run: SchedulerPlace['run'];
  /** What runs gave that schedules follow. */
  readonly store?: ScheduleDesk['project']['store'] | undefined;
}

/** A scheduler of schedules that stand in a ledger, and whose runs are the test's. */
export function ledgerScheduler({ ledger, clock, now, run, store, ...request }: LedgerScheduler): Scheduler {
  const project = {
    dir: NOWHERE,
    home: NOWHERE,
    get store(): ScheduleDesk['project']['store'] {
      if (store === undefined) throw new Error('there is no store');
      return store;
    },
  };
  const schedules = {
    ledger,
    project,
    list: async () => ledger.read((sql) => listSchedules(sql, NOWHERE)),
    now,
  };
  const world = { clock, env: {}, newRunId: () => '' };
  const surroundings = { world, pid: 1, version: '', packageDir: NOWHERE, node: '' };
  return new Scheduler({ schedules, surroundings, run }, request);
}

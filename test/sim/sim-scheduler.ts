import { Scheduler, type SchedulerPlace, type SchedulerRequest } from '../../src/compose-scheduler.ts';
import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Sql } from '../../src/db/sql.ts';
import { ledgerNow } from '../../src/ledger/ledger-clock.ts';
import { applySchedule, listSchedules } from '../../src/ledger/schedules.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

/** Is nowhere: what is there is read without waiting, and there is nothing. */
const DIR = '/nonexistent';

/** A scheduler in a process of a course. */
export function simScheduler(
  process: SimProcess,
  ledger: SimLedger,
  run: SchedulerPlace['run'],
  request: Omit<SchedulerRequest, 'signal'>,
): Scheduler {
  const { clock } = process;
  const database = ledger.of(process);
  const project = {
    dir: DIR,
    home: DIR,
    get store(): never {
      throw new Error('a course has no store');
    },
  };
  const schedules = {
    ledger: database,
    project,
    list: async () => database.read((sql) => listSchedules(sql, DIR)),
    now: async (sql: Sql) => ledgerNow(sql, () => clock.now()),
  };
  const world = { clock, env: {}, newRunId: () => '' };
  const surroundings = { world, pid: 1, version: '', packageDir: DIR, node: '' };
  return new Scheduler({ schedules, surroundings, run }, { ...request, signal: process.signal });
}

/** Puts a schedule into force, as somebody at a terminal does. */
export async function applyTo(
  terminal: SimProcess,
  ledger: SimLedger,
  id: string,
  settings: ScheduleSettings,
): Promise<void> {
  await ledger.of(terminal).write(async (sql) => {
    const appliedAt = await ledgerNow(sql, () => terminal.clock.now());
    const applied = { snapshot: 'none', appliedAt, appliedBy: terminal.name, settings };
    await applySchedule(sql, { id, projectDir: DIR, name: id, ...applied });
  });
}

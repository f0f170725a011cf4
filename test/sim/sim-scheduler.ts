import type { Scheduler, SchedulerPlace, SchedulerRequest } from '../../src/compose-scheduler.ts';
import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import { ledgerNow } from '../../src/ledger/ledger-clock.ts';
import { applySchedule } from '../../src/ledger/schedules.ts';
import { type LedgerScheduler, ledgerScheduler, NOWHERE } from '../rigs/ledger-scheduler.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

/** A scheduler in a process of a course. */
export function simScheduler(
  process: SimProcess,
  ledger: SimLedger,
  run: SchedulerPlace['run'],
  request: Omit<SchedulerRequest, 'signal'> & Pick<LedgerScheduler, 'store'>,
): Scheduler {
  const { clock, signal } = process;
  const now = async (sql: Parameters<typeof ledgerNow>[0]): Promise<number> =>
    ledgerNow(sql, () => clock.now());
  return ledgerScheduler({ ledger: ledger.of(process), clock, now, run, ...request, signal });
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
    await applySchedule(sql, { id, projectDir: NOWHERE, name: id, ...applied });
  });
}

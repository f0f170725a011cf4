import type { ExitCode } from '../core/exit-code.ts';
import { forceTick } from '../ledger/ticks.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openSchedules } from './open-schedules.ts';
import { exitOfTicks, scheduleRunner } from './schedule-runner.ts';

/** `recipe schedules run`: a tick of this moment, whether the schedule is paused or its data unchanged. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const schedule = await schedules.find(args[0] ?? '');
  const { scheduler, ended } = scheduleRunner(schedules, context, flag(options, 'json'));
  // Of this instant there may be one already.
  await schedules.ledger.write(async (sql) =>
    forceTick(sql, { schedule: schedule.id, cause: 'request', nominal: await schedules.now(sql) }),
  );
  await scheduler.drain(schedule);
  await scheduler.notified();
  if (ended.length === 0)
    context.err('An earlier run goes on: it runs when that has ended, if a scheduler is there\n');
  return exitOfTicks(ended, context);
}

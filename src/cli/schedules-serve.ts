import { ExitCode } from '../core/exit-code.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openSchedules } from './open-schedules.ts';
import { exitOfTicks, scheduleRunner } from './schedule-runner.ts';

/** `recipe schedules serve` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const { scheduler, ended } = scheduleRunner(schedules, context, flag(options, 'json'));
  if (!flag(options, 'once')) {
    context.err(`${(await schedules.list()).length} schedules. Ctrl-C ends it.\n`);
    await scheduler.serve();
    return ExitCode.interrupted;
  }
  try {
    for (const schedule of await schedules.list()) {
      await scheduler.look();
      await scheduler.settled();
      await scheduler.drain(schedule);
    }
  } finally {
    // One that cannot be looked after is said when the others' runs have ended.
    await scheduler.settled();
  }
  await scheduler.notified();
  return exitOfTicks(ended, context);
}

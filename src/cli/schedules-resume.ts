import { ExitCode } from '../core/exit-code.ts';
import { resumeSchedule } from '../ledger/schedules.ts';
import type { Context, Parsed } from './context.ts';
import { openSchedules } from './open-schedules.ts';

/** `recipe schedules resume` */
export async function execute({ args }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const { id, name } = await schedules.find(args[0] ?? '');
  const wasPaused = await schedules.ledger.write(async (sql) =>
    resumeSchedule(sql, id, await schedules.now(sql)),
  );
  context.out(wasPaused ? `${name} goes on\n` : `${name} was not paused\n`);
  return ExitCode.ok;
}

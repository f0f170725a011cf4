import { ExitCode } from '../core/exit-code.ts';
import { pauseSchedule } from '../ledger/schedules.ts';
import type { Context, Parsed } from './context.ts';
import { openSchedules } from './open-schedules.ts';

/** `recipe schedules pause` */
export async function execute({ args }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const { id, name } = await schedules.find(args[0] ?? '');
  const because = `asked by ${project.user}`;
  await schedules.ledger.write(async (sql) =>
    pauseSchedule(sql, id, { at: await schedules.now(sql), because }),
  );
  context.out(`${name} is paused\n`);
  return ExitCode.ok;
}

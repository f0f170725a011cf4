import { ExitCode } from '../core/exit-code.ts';
import type { Context, Parsed } from './context.ts';
import { openSchedules } from './open-schedules.ts';

/** `recipe schedules remove` */
export async function execute({ args }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const { name } = await schedules.remove(args[0] ?? '');
  context.out(`${name} is removed\n`);
  return ExitCode.ok;
}

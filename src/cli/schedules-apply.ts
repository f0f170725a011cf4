import { Project } from '../compose.ts';
import { Schedules } from '../compose-schedules.ts';
import { ExitCode } from '../core/exit-code.ts';
import { locateRecipe } from '../recipe/address.ts';
import { type Context, flag, list, type Parsed, text } from './context.ts';
import { describeAfter } from './describe-after.ts';
import { jsonLine } from './json-line.ts';
import { utc } from './open-schedules.ts';

/** `recipe schedules apply` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const location = locateRecipe(args[0], context.cwd);
  await using project = new Project(location.projectDir, context);
  const profile = text(options, 'profile') ?? 'local';
  // What is wrong with the recipe is said before anything is written.
  await project.plan(location, profile, list(options, 'set'), context.world.clock.now());
  await using schedules = await Schedules.open(project, context);
  const schedule = await schedules.apply(location, profile, list(options, 'set'));
  const [next] = await schedules.next(schedule, 1);
  if (flag(options, 'json')) context.out(jsonLine({ ...schedule, next: next ?? null }));
  else {
    const ahead = next === undefined ? 'no tick to come' : `next ${utc(next)} UTC`;
    context.out(`${schedule.name} applied: ${describeAfter(schedule.settings.when) ?? ahead}\n`);
    if (schedule.paused !== undefined) context.out(`It is paused: ${schedule.paused.because}\n`);
  }
  return ExitCode.ok;
}

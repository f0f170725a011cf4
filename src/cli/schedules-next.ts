import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { describeAfter } from './describe-after.ts';
import { jsonLine } from './json-line.ts';
import { openSchedules, utc } from './open-schedules.ts';

const MOST = 10_000;

/** `recipe schedules next` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const asked = text(options, 'number') ?? '5';
  const count = Number(asked);
  if (!Number.isInteger(count) || count < 1 || count > MOST)
    throw new RecipeError('USAGE', {
      problem: `--number ${asked} is not a whole number from 1 to ${MOST}`,
      command: 'schedules next',
    });
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const schedule = await schedules.find(args[0] ?? '');
  const instants = await schedules.next(schedule, count);
  const { when } = schedule.settings;
  const zone = when.kind === 'cron' ? when.timezone : 'UTC';
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  if (flag(options, 'json')) context.out(jsonLine(instants.map((at) => new Date(at).toISOString())));
  else if (when.kind === 'after') context.out(`${describeAfter(when)}\n`);
  else for (const at of instants) context.out(`${local.format(at)} ${zone}  ${utc(at)} UTC\n`);
  return ExitCode.ok;
}

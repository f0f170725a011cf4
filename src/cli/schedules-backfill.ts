import type { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { forceTick, offerTicks } from '../ledger/ticks.ts';
import { nominalInstants } from '../schedule/instants.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { instantOption, openSchedules } from './open-schedules.ts';
import { exitOfTicks, scheduleRunner } from './schedule-runner.ts';

const MOST = 10_000;

/** `recipe schedules backfill`: the instants between two that have no tick; with `--force` one more of each. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const from = instantOption(text(options, 'from'), '--from', 'schedules backfill');
  const to = instantOption(text(options, 'to'), '--to', 'schedules backfill');
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const schedule = await schedules.find(args[0] ?? '');
  const instants: number[] = [];
  for (const instant of nominalInstants(schedule.settings, from - 1)) {
    if (instant > to) break;
    if (instants.push(instant) > MOST)
      throw new RecipeError('USAGE', {
        problem: `More than ${MOST} ticks lie between --from and --to`,
        command: 'schedules backfill',
      });
  }
  const tick = { schedule: schedule.id, cause: 'backfill' } as const;
  const { overlap } = schedule.settings;
  await schedules.ledger.write(async (sql) => {
    if (flag(options, 'force')) for (const nominal of instants) await forceTick(sql, { ...tick, nominal });
    else await offerTicks(sql, { ...tick, instants, cursor: undefined, overlap });
  });
  const { scheduler, ended } = scheduleRunner(schedules, context, flag(options, 'json'));
  await scheduler.drain(schedule);
  await scheduler.notified();
  return exitOfTicks(ended, context);
}

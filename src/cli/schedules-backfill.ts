import { Endings, isFollower } from '../compose-endings.ts';
import type { Schedules } from '../compose-schedules.ts';
import type { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Schedule } from '../ledger/schedules.ts';
import { forceTick, offerTicks } from '../ledger/ticks.ts';
import { nominalInstants } from '../schedule/instants.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
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
  const force = flag(options, 'force');
  if (isFollower(schedule))
    await new Endings(schedules, warningsTo(context)).backfill(schedule, { from, to, force });
  else await backfillInstants(schedules, schedule, { from, to, force });
  const { scheduler, ended } = scheduleRunner(schedules, context, flag(options, 'json'));
  await scheduler.drain(schedule);
  await scheduler.notified();
  return exitOfTicks(ended, context);
}

async function backfillInstants(
  { ledger }: Schedules,
  { id, settings }: Schedule,
  { from, to, force }: { readonly from: number; readonly to: number; readonly force: boolean },
): Promise<void> {
  const instants: number[] = [];
  for (const instant of nominalInstants(settings, from - 1)) {
    if (instant > to) break;
    if (instants.push(instant) > MOST)
      throw new RecipeError('USAGE', {
        problem: `More than ${MOST} ticks lie between --from and --to`,
        command: 'schedules backfill',
      });
  }
  const tick = { schedule: id, cause: 'backfill' } as const;
  const { overlap } = settings;
  await ledger.write(async (sql) => {
    if (force) for (const nominal of instants) await forceTick(sql, { ...tick, nominal });
    else await offerTicks(sql, { ...tick, instants, cursor: undefined, overlap });
  });
}

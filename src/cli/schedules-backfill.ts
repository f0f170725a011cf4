import { type Backfilled, Endings, isFollower } from '../compose-endings.ts';
import type { Schedules } from '../compose-schedules.ts';
import type { ExitCode } from '../core/exit-code.ts';
import type { Schedule } from '../ledger/schedules.ts';
import { forceTick, holdSchedule, instantsWithTick, offerTicks } from '../ledger/ticks.ts';
import { withdrawBackfill } from '../ledger/withdraw-backfill.ts';
import { MOST_BACKFILLED, refuseLargeBackfill } from '../schedule/backfill-limit.ts';
import { nominalInstants } from '../schedule/instants.ts';
import { backfillRange } from './backfill-range.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { openSchedules, utc } from './open-schedules.ts';
import { exitOfTicks, scheduleRunner } from './schedule-runner.ts';

interface Backfill {
  readonly from: number;
  readonly to: number;
  readonly force: boolean;
}

/** `recipe schedules backfill`: the instants between two that have no tick; with `--force` one more of each. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const schedule = await schedules.find(args[0] ?? '');
  const { when } = schedule.settings;
  const { from, to } = backfillRange(text(options, 'from'), text(options, 'to'), when);
  const now = await schedules.ledger.read(async (sql) => schedules.now(sql));
  const range = { from, to: Math.min(to, now), force: flag(options, 'force') };
  const done = isFollower(schedule)
    ? await new Endings(schedules, { clock: context.world.clock, onWarning: warningsTo(context) }).backfill(
        schedule,
        range,
      )
    : await backfillInstants(schedules, schedule, range);
  const [early] = nominalInstants(schedule.settings, Math.max(from - 1, now));
  if (early !== undefined && early <= to)
    context.err(`From ${utc(early)} UTC on ticks are not due yet: a scheduler runs them when they are\n`);
  const { scheduler, ended } = scheduleRunner(schedules, context, flag(options, 'json'));
  await scheduler.drain(schedule);
  await scheduler.notified();
  if (context.signal.aborted) {
    const count = await schedules.ledger.write((sql) => withdrawBackfill(sql, schedule.id, range));
    if (count > 0) context.err(`${count} ticks that had not begun are taken back\n`);
    return exitOfTicks(ended, context);
  }
  if (done.forgotten > 0)
    context.err(`${done.forgotten} instants may have had a tick that is forgotten: --force runs them\n`);
  const nothing = whyNothing(done, ended.length);
  if (nothing !== undefined) context.err(`${nothing}\n`);
  return exitOfTicks(ended, context);
}

function whyNothing({ found, added, forgotten }: Backfilled, ended: number): string | undefined {
  if (ended > 0) return undefined;
  if (added > 0) return 'An earlier run goes on: they run when that has ended, if a scheduler is there';
  if (found === 0) return 'Nothing to run: no tick lies there';
  return forgotten > 0
    ? undefined
    : `Nothing to run: each of ${found} instants has a tick; --force runs them again`;
}

async function backfillInstants(
  { ledger }: Schedules,
  { id, settings }: Schedule,
  { from, to, force }: Backfill,
): Promise<Backfilled> {
  const instants: number[] = [];
  for (const instant of nominalInstants(settings, from - 1)) {
    if (instant > to) break;
    if (instants.push(instant) > MOST_BACKFILLED) break;
  }
  refuseLargeBackfill(instants);
  const tick = { schedule: id, cause: 'backfill' } as const;
  const { overlap } = settings;
  return ledger.write(async (sql) => {
    const held = await holdSchedule(sql, id);
    const known = await instantsWithTick(sql, id, { from, to });
    const fresh = instants.filter((nominal) => !known.has(nominal));
    const added = force ? instants : fresh.filter((nominal) => held?.isForgotten(nominal) !== true);
    if (force) for (const nominal of instants) await forceTick(sql, { ...tick, nominal });
    else await offerTicks(sql, { ...tick, instants: added, cursor: undefined, overlap });
    const forgotten = force ? 0 : fresh.length - added.length;
    return { found: instants.length, added: added.length, forgotten };
  });
}

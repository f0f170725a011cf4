import { ExitCode } from '../core/exit-code.ts';
import { listNotifications, type Notification } from '../ledger/notifications.ts';
import { listTicks, type Tick } from '../ledger/ticks.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { describeAfter } from './describe-after.ts';
import { jsonLine } from './json-line.ts';
import { openSchedules, utc } from './open-schedules.ts';

const TICKS = 20;

/** `recipe schedules list`: all, or the ticks of one. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const { project, schedules } = await openSchedules(context);
  await using _project = project;
  await using _schedules = schedules;
  const { ledger } = schedules;
  const json = flag(options, 'json');
  if (args[0] !== undefined) {
    const { id } = await schedules.find(args[0]);
    const ticks = await ledger.read((sql) => listTicks(sql, id, TICKS));
    const told = await ledger.read((sql) => listNotifications(sql, id, ticks.at(-1)?.nominal ?? 0));
    if (json) {
      const of = (tick: Tick): Notification[] =>
        told.filter(({ nominal, number }) => nominal === tick.nominal && number === tick.number);
      context.out(
        jsonLine(ticks.map((tick) => ({ ...tick, notifications: of(tick).map(shownNotification) }))),
      );
      return ExitCode.ok;
    }
    context.out(textTable(['tick (UTC)', 'cause', 'state', 'run', 'note'], ticks.map(tickRow)));
    if (told.length > 0)
      context.out(`\n${textTable(['told of (UTC)', 'event', 'by', 'state', 'note'], told.map(toldRow))}`);
    return ExitCode.ok;
  }
  const rows: {
    name: string;
    next: number | null;
    after: string | null;
    paused: string | null;
    health: string;
    last: Tick | null;
  }[] = [];
  for (const schedule of await schedules.list()) {
    const [last] = await ledger.read((sql) => listTicks(sql, schedule.id, 1));
    const [next] = schedule.paused === undefined ? await schedules.next(schedule, 1) : [];
    rows.push({
      name: schedule.name,
      next: next ?? null,
      after: describeAfter(schedule.settings.when) ?? null,
      paused: schedule.paused?.because ?? null,
      health: schedule.health,
      last: last ?? null,
    });
  }
  if (json) context.out(jsonLine(rows));
  else
    context.out(
      textTable(
        ['schedule', 'next (UTC)', 'last (UTC)', 'state'],
        rows.map(({ name, next, after, paused, last }) => [
          name,
          paused === null ? (after ?? (next === null ? 'none' : utc(next))) : `paused: ${paused}`,
          last === null ? '' : utc(last.nominal),
          last?.state ?? '',
        ]),
      ),
    );
  return ExitCode.ok;
}

function tickRow(tick: Tick): string[] {
  const { cause, after } = tick;
  const ran = after === undefined ? '' : cause === 'after' ? ` ${after}` : ` after ${after}`;
  return [nameOf(tick), `${cause}${ran}`, tick.state, tick.run ?? '', tick.note ?? ''];
}

function toldRow(notification: Notification): string[] {
  const { event, channel, state, problem } = notification;
  return [nameOf(notification), event, channel, state, problem ?? ''];
}

function nameOf({ nominal, number }: Pick<Tick, 'nominal' | 'number'>): string {
  return `${utc(nominal)}${number === 0 ? '' : ` #${number}`}`;
}

/** Its tick is known from where it stands. */
function shownNotification({
  id,
  channel,
  event,
  state,
  createdAt,
  due,
  attempts,
  problem,
}: Notification): Partial<Notification> {
  return { id, channel, event, state, createdAt, due, attempts, problem };
}

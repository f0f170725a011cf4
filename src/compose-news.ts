import { randomUUID } from 'node:crypto';
import type { AppliedSettings } from './compose-schedules.ts';
import { NOTIFY_CHANNELS, type NotifyEvent } from './core/notify-settings.ts';
import type { Sql } from './db/sql.ts';
import { addNotification } from './ledger/notifications.ts';
import type { Schedule } from './ledger/schedules.ts';
import type { Tick } from './ledger/ticks.ts';
import { notificationMessage, type TickReport } from './schedule/tick-report.ts';

export interface EndedTick {
  readonly schedule: Schedule;
  readonly tick: Tick;
  readonly event: NotifyEvent;
  readonly report: TickReport;
  /** Milliseconds since the Unix epoch, by the ledger's clock. */
  readonly at: number;
}

/** Writes down what is to be told of a tick, if anybody is to hear of such; part of the transaction that ends it. */
export async function tellOfTick(sql: Sql, { schedule, tick, event, report, at }: EndedTick): Promise<void> {
  const { applied, notify } = schedule.settings as AppliedSettings;
  if (notify === undefined || !notify.on.includes(event)) return;
  const { recipe, profile } = applied;
  const id = randomUUID();
  const { name } = schedule;
  const { nominal } = tick;
  await addNotification(sql, tick, {
    id,
    event,
    message: notificationMessage({ id, event, recipe, profile, schedule: name, nominal, report }),
    channels: NOTIFY_CHANNELS.filter((channel) => notify[channel] !== undefined),
    at,
  });
}

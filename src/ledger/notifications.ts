import type { NotifyChannel, NotifyEvent } from '../core/notify-settings.ts';
import type { Row, Sql } from '../db/sql.ts';
import type { Tick } from './ticks.ts';

/** What somebody is told of a tick, by one channel. Times in milliseconds since the Unix epoch. */
export interface Notification {
  /** The receiver knows by it what it was told already. */
  readonly id: string;
  readonly channel: NotifyChannel;
  readonly schedule: string;
  readonly nominal: number;
  readonly number: number;
  readonly event: NotifyEvent;
  /** JSON, the same whenever it is sent. */
  readonly message: string;
  readonly state: 'waiting' | 'sent' | 'given-up';
  readonly createdAt: number;
  /** When it is tried next. */
  readonly due: number;
  /** Begun so far. */
  readonly attempts: number;
  /** Of the last attempt that came to nothing. */
  readonly problem: string | undefined;
}

export interface NewNotification extends Pick<Notification, 'id' | 'event' | 'message'> {
  readonly channels: readonly NotifyChannel[];
  readonly at: number;
}

/** Writes down what is to be told of a tick; part of the transaction that ends it. */
export async function addNotification(
  sql: Sql,
  { schedule, nominal, number }: Pick<Tick, 'schedule' | 'nominal' | 'number'>,
  { id, event, message, channels, at }: NewNotification,
): Promise<void> {
  for (const channel of channels)
    await sql.run(
      `INSERT INTO notifications (notification_id, channel, schedule_id, nominal_at, number, event, message, state,
       created_at, due_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, 0)`,
      id,
      channel,
      schedule,
      nominal,
      number,
      event,
      message,
      at,
      at,
    );
}

export interface NotificationClaim {
  /** Whose schedules: their commands run in that folder. */
  readonly projectDir: string;
  readonly now: number;
  readonly leaseMs: number;
}

/** Whether anything is due: what is asked often, and without a lock. */
export async function isNotificationDue(sql: Sql, projectDir: string, now: number): Promise<boolean> {
  return (await sql.get(`${DUE} LIMIT 1`, now, projectDir)) !== undefined;
}

/**
 * Takes what has been due longest. Whoever takes it and dies has held it for as long as the lease: then it is due
 * again, and was begun once more.
 */
export async function claimNotification(
  sql: Sql,
  { projectDir, now, leaseMs }: NotificationClaim,
): Promise<Notification | undefined> {
  // What another scheduler is taking right now is not waited for.
  const lock = sql.dialect === 'sqlite' ? '' : ' FOR NO KEY UPDATE OF n SKIP LOCKED';
  const row = await sql.get(
    `${DUE} ORDER BY n.due_at, n.created_at, n.notification_id, n.channel LIMIT 1${lock}`,
    now,
    projectDir,
  );
  if (row === undefined) return undefined;
  const found = notificationOf(row);
  const attempts = found.attempts + 1;
  await sql.run(
    'UPDATE notifications SET attempts = ?, due_at = ? WHERE notification_id = ? AND channel = ?',
    attempts,
    now + leaseMs,
    found.id,
    found.channel,
  );
  return { ...found, attempts, due: now + leaseMs };
}

const DUE = `SELECT n.* FROM notifications n JOIN schedules s USING (schedule_id)
   WHERE n.state = 'waiting' AND n.due_at <= ? AND s.project_dir = ?`;

/** What became of an attempt. */
export type NotificationEnd =
  | { readonly kind: 'sent' }
  | { readonly kind: 'again'; readonly due: number; readonly problem: string }
  | { readonly kind: 'given-up'; readonly problem: string };

/** Says what became of an attempt; of one whose lease another took over meanwhile it says nothing. */
export async function settleNotification(
  sql: Sql,
  { id, channel, attempts, due }: Notification,
  end: NotificationEnd,
): Promise<void> {
  await sql.run(
    `UPDATE notifications SET state = ?, due_at = ?, problem = ?
     WHERE notification_id = ? AND channel = ? AND attempts = ? AND state = 'waiting'`,
    end.kind === 'again' ? 'waiting' : end.kind,
    end.kind === 'again' ? end.due : due,
    end.kind === 'sent' ? null : end.problem,
    id,
    channel,
    attempts,
  );
}

/** Of a schedule's ticks from an instant on, the newest tick first. */
export async function listNotifications(sql: Sql, schedule: string, from: number): Promise<Notification[]> {
  const rows = await sql.all(
    `SELECT * FROM notifications WHERE schedule_id = ? AND nominal_at >= ?
     ORDER BY nominal_at DESC, number DESC, notification_id, channel`,
    schedule,
    from,
  );
  return rows.map(notificationOf);
}

function notificationOf(row: Row): Notification {
  return {
    id: String(row['notification_id']),
    channel: row['channel'] as NotifyChannel,
    schedule: String(row['schedule_id']),
    nominal: Number(row['nominal_at']),
    number: Number(row['number']),
    event: row['event'] as NotifyEvent,
    message: String(row['message']),
    state: row['state'] as Notification['state'],
    createdAt: Number(row['created_at']),
    due: Number(row['due_at']),
    attempts: Number(row['attempts']),
    problem: row['problem'] === null ? undefined : String(row['problem']),
  };
}

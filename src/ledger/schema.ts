import type { Dialect } from '../db/sql.ts';

/** Numbered: a released step is never edited. The same tables for SQLite and PostgreSQL. */
export function ledgerMigrations(dialect: Dialect): readonly string[] {
  return [scheduleTables(dialect), notificationTable(dialect)];
}

function scheduleTables(dialect: Dialect): string {
  const text = dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"';
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  const end = dialect === 'sqlite' ? ') WITHOUT ROWID' : ')';
  return `CREATE TABLE schedules (schedule_id ${text} PRIMARY KEY, project_dir ${text} NOT NULL, name ${text} NOT NULL,
     settings ${text} NOT NULL, snapshot ${text} NOT NULL, applied_at ${bigint} NOT NULL, applied_by ${text} NOT NULL,
     cursor_at ${bigint} NOT NULL, paused_at ${bigint}, paused_because ${text},
     health ${text} NOT NULL CHECK (health IN ('ok', 'failed', 'rejected')), UNIQUE (project_dir, name)${end};
   CREATE TABLE ticks (schedule_id ${text} NOT NULL REFERENCES schedules ON DELETE CASCADE, nominal_at ${bigint} NOT NULL,
     number ${bigint} NOT NULL, cause ${text} NOT NULL CHECK (cause IN ('clock', 'caught-up', 'backfill', 'request')),
     state ${text} NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'rejected', 'failed', 'unchanged',
       'skipped', 'interrupted')),
     epoch ${bigint} NOT NULL, claimed_by ${text}, lease_until ${bigint}, run_id ${text}, seen ${text}, note ${text},
     ended_at ${bigint}, PRIMARY KEY (schedule_id, nominal_at, number)${end};
   CREATE INDEX open_ticks ON ticks (schedule_id, nominal_at) WHERE state IN ('waiting', 'running');`;
}

/** One row for each message and channel. Whom it goes to is said by the schedule, as it was applied last. */
function notificationTable(dialect: Dialect): string {
  const text = dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"';
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  const end = dialect === 'sqlite' ? ') WITHOUT ROWID' : ')';
  return `CREATE TABLE notifications (notification_id ${text} NOT NULL,
     channel ${text} NOT NULL CHECK (channel IN ('webhook', 'command')),
     schedule_id ${text} NOT NULL REFERENCES schedules ON DELETE CASCADE, nominal_at ${bigint} NOT NULL,
     number ${bigint} NOT NULL, event ${text} NOT NULL CHECK (event IN ('failed', 'rejected', 'recovered')),
     message ${text} NOT NULL, state ${text} NOT NULL CHECK (state IN ('waiting', 'sent', 'given-up')),
     created_at ${bigint} NOT NULL, due_at ${bigint} NOT NULL, attempts ${bigint} NOT NULL, problem ${text},
     PRIMARY KEY (notification_id, channel)${end};
   CREATE INDEX notifications_of_ticks ON notifications (schedule_id, nominal_at, number);
   CREATE INDEX waiting_notifications ON notifications (due_at) WHERE state = 'waiting';`;
}

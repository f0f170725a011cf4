import type { Dialect } from '../db/sql.ts';

/** Numbered: a released step is never edited. The same tables for SQLite and PostgreSQL. */
export function ledgerMigrations(dialect: Dialect): readonly string[] {
  return [
    scheduleTables(dialect),
    notificationTable(dialect),
    followedRuns(dialect),
    submissionTables(dialect),
    limitTables(dialect),
    // How the last tick ended is asked at the end of each: a schedule for every minute has half a million in a year.
    'CREATE INDEX ended_ticks ON ticks (schedule_id, ended_at DESC, nominal_at DESC, number DESC);',
    forgottenTicks(dialect),
    // Who asked for the end of a tick's run.
    `ALTER TABLE ticks ADD COLUMN cancelled_by ${dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"'};`,
  ];
}

/** From when to when there were ticks that are gone. What was skipped ended when it was to be, and gets old from then on. */
function forgottenTicks(dialect: Dialect): string {
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  return `ALTER TABLE schedules ADD COLUMN forgotten_from ${bigint};
   ALTER TABLE schedules ADD COLUMN forgotten_to ${bigint};
   UPDATE ticks SET ended_at = nominal_at WHERE state = 'skipped' AND ended_at IS NULL;`;
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

/** A tick may follow a run of another recipe: one for each such run, and what its value was. */
function followedRuns(dialect: Dialect): string {
  const causes = `'clock', 'caught-up', 'backfill', 'request', 'after'`;
  const index = 'CREATE UNIQUE INDEX ticks_of_runs ON ticks (schedule_id, after_run);';
  if (dialect === 'postgres')
    return `ALTER TABLE ticks DROP CONSTRAINT ticks_cause_check;
     ALTER TABLE ticks ADD CONSTRAINT ticks_cause_check CHECK (cause IN (${causes}));
     ALTER TABLE ticks ADD COLUMN after_run text COLLATE "C", ADD COLUMN after_value text COLLATE "C";
     ${index}`;
  const columns = `schedule_id, nominal_at, number, cause, state, epoch, claimed_by, lease_until, run_id, seen, note, ended_at`;
  return `CREATE TABLE ticks_again (schedule_id TEXT NOT NULL REFERENCES schedules ON DELETE CASCADE,
     nominal_at INTEGER NOT NULL, number INTEGER NOT NULL, cause TEXT NOT NULL CHECK (cause IN (${causes})),
     state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'rejected', 'failed', 'unchanged', 'skipped',
       'interrupted')),
     epoch INTEGER NOT NULL, claimed_by TEXT, lease_until INTEGER, run_id TEXT, seen TEXT, note TEXT, ended_at INTEGER,
     after_run TEXT, after_value TEXT, PRIMARY KEY (schedule_id, nominal_at, number)) WITHOUT ROWID;
   INSERT INTO ticks_again (${columns}) SELECT ${columns} FROM ticks;
   DROP TABLE ticks;
   ALTER TABLE ticks_again RENAME TO ticks;
   CREATE INDEX open_ticks ON ticks (schedule_id, nominal_at) WHERE state IN ('waiting', 'running');
   ${index}`;
}

/** Runs that were submitted, and what each of their drivers' runs said. */
function submissionTables(dialect: Dialect): string {
  const text = dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"';
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  const end = dialect === 'sqlite' ? ') WITHOUT ROWID' : ')';
  return `CREATE TABLE submissions (submission_id ${text} PRIMARY KEY, project_dir ${text} NOT NULL, settings ${text} NOT NULL,
     snapshot ${text} NOT NULL, place ${text} NOT NULL, remote ${text}, submitted_at ${bigint} NOT NULL, submitted_by ${text} NOT NULL, owner ${text},
     state ${text} NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')),
     epoch ${bigint} NOT NULL, losses ${bigint} NOT NULL, driver ${text}, lease_until ${bigint}, run_id ${text},
     is_cancelled ${bigint} NOT NULL CHECK (is_cancelled IN (0, 1)), note ${text}, ended_at ${bigint}${end};
   CREATE INDEX open_submissions ON submissions (submitted_at, submission_id) WHERE state IN ('waiting', 'running');
   CREATE INDEX runs_of_submissions ON submissions (run_id);
   CREATE TABLE submission_events (submission_id ${text} NOT NULL REFERENCES submissions ON DELETE CASCADE,
     epoch ${bigint} NOT NULL, seq ${bigint} NOT NULL, event ${text} NOT NULL, PRIMARY KEY (submission_id, epoch, seq)${end};`;
}

/** What runs under a named limit, with a row for each run that waits for it. A row of `limits` is what takers lock. */
function limitTables(dialect: Dialect): string {
  const text = dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"';
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  const end = dialect === 'sqlite' ? ') WITHOUT ROWID' : ')';
  return `CREATE TABLE limits (limit_name ${text} PRIMARY KEY${end};
   CREATE TABLE limit_leases (limit_name ${text} NOT NULL REFERENCES limits, flight ${text} NOT NULL, run_id ${text} NOT NULL,
     step_id ${text} NOT NULL, lease_until ${bigint} NOT NULL, PRIMARY KEY (limit_name, flight, run_id, step_id)${end};`;
}

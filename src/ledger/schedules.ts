import { canonicalJson } from '../core/canonical-json.ts';
import type { Json } from '../core/json.ts';
import type { ScheduleSettings } from '../core/schedule-rules.ts';
import type { Row, Sql } from '../db/sql.ts';

/** A schedule that was applied. Times in milliseconds since the Unix epoch. */
export interface Schedule {
  readonly id: string;
  /** The folder that it was applied from: where `./` inputs are read. */
  readonly projectDir: string;
  /** `flight-delay@prod`: recipe and profile, unique in its project. */
  readonly name: string;
  readonly settings: ScheduleSettings;
  /** Digest of the snapshot that its ticks run. */
  readonly snapshot: string;
  readonly appliedAt: number;
  /** Who put it into force; the schedule's name if their machine names nobody. */
  readonly appliedBy: string;
  /** Up to this instant, all ticks are decided. */
  readonly cursor: number;
  readonly paused: { readonly at: number; readonly because: string } | undefined;
  /** How the last run that came to an end went. */
  readonly health: 'ok' | 'failed' | 'rejected';
}

export type NewSchedule = Omit<Schedule, 'cursor' | 'paused' | 'health'>;

/** Those of a project, for who applies one. */
export interface KnownSchedules {
  /** The one of its name. */
  readonly before: Schedule | undefined;
  readonly others: readonly Schedule[];
}

/**
 * Puts a schedule into force. One of that name keeps its ticks and its pause, and its cursor if it ticks when it did:
 * what came before a rule that is new is nothing to catch up with.
 *
 * @param prepare may throw, and is given those of the project as they are: until the transaction ends nobody else
 *   applies any
 */
export async function applySchedule(
  sql: Sql,
  schedule: NewSchedule,
  prepare: (known: KnownSchedules) => Promise<void> = async () => {},
): Promise<Schedule> {
  const { id, projectDir, name, settings, snapshot, appliedAt, appliedBy } = schedule;
  await holdApplies(sql, projectDir);
  const all = await listSchedules(sql, projectDir);
  const before = all.find((one) => one.name === name);
  await prepare({ before, others: all.filter((one) => one !== before) });
  await sql.run(
    `INSERT INTO schedules (schedule_id, project_dir, name, settings, snapshot, applied_at, applied_by, cursor_at, health)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'ok') ON CONFLICT (project_dir, name) DO UPDATE SET settings = excluded.settings,
     snapshot = excluded.snapshot, applied_at = excluded.applied_at, applied_by = excluded.applied_by`,
    id,
    projectDir,
    name,
    JSON.stringify(settings),
    snapshot,
    appliedAt,
    appliedBy,
    appliedAt,
  );
  if (before !== undefined && ruleOf(before.settings) !== ruleOf(settings))
    await sql.run(
      'UPDATE schedules SET cursor_at = ? WHERE schedule_id = ? AND cursor_at < ?',
      appliedAt,
      before.id,
      appliedAt,
    );
  const found = await findSchedule(sql, projectDir, name);
  if (found === undefined) throw new Error(`Internal error: the schedule ${name} is gone`);
  return found;
}

/** A row that is not there yet cannot be locked; SQLite has one writer at a time. */
async function holdApplies(sql: Sql, projectDir: string): Promise<void> {
  if (sql.dialect === 'postgres')
    await sql.get('SELECT pg_advisory_xact_lock(hashtextextended(?, 0))', `schedules of ${projectDir}`);
}

/** The same text for settings that tick at the same instants. */
function ruleOf({ when, start, end }: ScheduleSettings): string {
  return canonicalJson(JSON.parse(JSON.stringify([when, start, end])) as Json);
}

/** Those of a project, by name. */
export async function listSchedules(sql: Sql, projectDir: string): Promise<Schedule[]> {
  const rows = await sql.all('SELECT * FROM schedules WHERE project_dir = ? ORDER BY name', projectDir);
  return rows.map(scheduleOf);
}

export async function findSchedule(
  sql: Sql,
  projectDir: string,
  name: string,
): Promise<Schedule | undefined> {
  const row = await sql.get('SELECT * FROM schedules WHERE project_dir = ? AND name = ?', projectDir, name);
  return row === undefined ? undefined : scheduleOf(row);
}

/** A schedule as it is now. Undefined: it is gone. */
export async function readSchedule(sql: Sql, id: string): Promise<Schedule | undefined> {
  const row = await sql.get('SELECT * FROM schedules WHERE schedule_id = ?', id);
  return row === undefined ? undefined : scheduleOf(row);
}

/** Says how a run of it ended that came to an end. */
export async function setHealth(sql: Sql, id: string, health: Schedule['health']): Promise<void> {
  await sql.run('UPDATE schedules SET health = ? WHERE schedule_id = ?', health, id);
}

/** No tick of it starts until it is resumed. One that is paused keeps its reason. */
export async function pauseSchedule(
  sql: Sql,
  id: string,
  { at, because }: { readonly at: number; readonly because: string },
): Promise<void> {
  await sql.run(
    'UPDATE schedules SET paused_at = ?, paused_because = ? WHERE schedule_id = ? AND paused_at IS NULL',
    at,
    because,
    id,
  );
}

/** What fell into the pause is not run. False: it was not paused. */
export async function resumeSchedule(sql: Sql, id: string, now: number): Promise<boolean> {
  const changed = await sql.run(
    `UPDATE schedules SET paused_at = NULL, paused_because = NULL,
     cursor_at = CASE WHEN cursor_at > ? THEN cursor_at ELSE ? END WHERE schedule_id = ? AND paused_at IS NOT NULL`,
    now,
    now,
    id,
  );
  return changed > 0;
}

function scheduleOf(row: Row): Schedule {
  const pausedAt = row['paused_at'];
  return {
    id: String(row['schedule_id']),
    projectDir: String(row['project_dir']),
    name: String(row['name']),
    settings: JSON.parse(String(row['settings'])) as ScheduleSettings,
    snapshot: String(row['snapshot']),
    appliedAt: Number(row['applied_at']),
    appliedBy: String(row['applied_by']),
    cursor: Number(row['cursor_at']),
    paused: pausedAt === null ? undefined : { at: Number(pausedAt), because: String(row['paused_because']) },
    health: row['health'] as Schedule['health'],
  };
}

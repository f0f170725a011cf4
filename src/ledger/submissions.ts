import { lock } from '../db/lock.ts';
import type { Row, Sql } from '../db/sql.ts';
import type {
  NewSubmission,
  Submission,
  SubmissionState,
  SubmittedRecipe,
} from '../engine/submission-port.ts';

/** Accepts a run: once this is committed, some driver will end it. */
export async function submit(sql: Sql, one: NewSubmission): Promise<void> {
  await sql.run(
    `INSERT INTO submissions (submission_id, project_dir, settings, snapshot, place, remote, submitted_at, submitted_by,
     owner, state, epoch, losses, is_cancelled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0, 0)`,
    one.id,
    one.projectDir,
    JSON.stringify(one.settings),
    one.snapshot,
    one.place,
    one.remote ?? null,
    one.submittedAt,
    one.submittedBy,
    one.owner ?? null,
  );
}

/** Those that have not ended, the oldest first. */
export async function openSubmissions(sql: Sql): Promise<Submission[]> {
  const rows = await sql.all(`SELECT * FROM submissions WHERE ${OPEN} ORDER BY submitted_at, submission_id`);
  return rows.map(submissionOf);
}

const OPEN = `state IN ('waiting', 'running')`;

/** Those whose id, or that of a run of theirs, begins so; of an owner, if one is named. The newest first, three at most. */
export async function findSubmissions(sql: Sql, start: string, owner?: string): Promise<Submission[]> {
  const ofOwner = owner === undefined ? '' : ' AND owner = ?';
  const end = `${start}\u{10FFFF}`;
  const rows = await sql.all(
    `SELECT * FROM submissions WHERE ((submission_id >= ? AND submission_id < ?) OR (run_id >= ? AND run_id < ?))${ofOwner}
     ORDER BY submitted_at DESC, submission_id DESC LIMIT 3`,
    start,
    end,
    start,
    end,
    ...(owner === undefined ? [] : [owner]),
  );
  return rows.map(submissionOf);
}

/** Those of a folder that succeeded after an instant. */
export async function succeededSubmissions(
  sql: Sql,
  projectDir: string,
  after: number,
): Promise<Submission[]> {
  const rows = await sql.all(
    `SELECT * FROM submissions WHERE state = 'succeeded' AND project_dir = ? AND ended_at > ?`,
    projectDir,
    after,
  );
  return rows.map(submissionOf);
}

/** Which of these runs are the first or the last one of a submission, of whatever folder. */
export async function submittedAmong(sql: Sql, runs: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const run of runs) {
    const query = 'SELECT 1 AS found FROM submissions WHERE submission_id = ? OR run_id = ? LIMIT 1';
    if ((await sql.get(query, run, run)) !== undefined) found.add(run);
  }
  return found;
}

export async function readSubmission(sql: Sql, id: string): Promise<Submission | undefined> {
  const row = await sql.get('SELECT * FROM submissions WHERE submission_id = ?', id);
  return row === undefined ? undefined : submissionOf(row);
}

export interface SubmissionClaim {
  /** Whose snapshots the driver can read: its own store's, and those of the cache that it shares. */
  readonly place: string;
  readonly remote: string | undefined;
  /** Others that it can read, whatever their places are called. */
  readonly snapshots?: readonly string[];
  /** Names who claims, for people. */
  readonly by: string;
  /** By the ledger's clock. */
  readonly now: number;
  readonly leaseMs: number;
  /** Lost drivers after which a run is taken for one that kills them. */
  readonly mostLosses: number;
}

/**
 * Takes the oldest run that waits, or whose driver's lease is over; undefined if there is none. Of any number of
 * drivers that claim at once, one gets it. One that has lost too many is closed as failed instead.
 */
export async function claimSubmission(sql: Sql, claim: SubmissionClaim): Promise<Submission | undefined> {
  const { place, remote, snapshots = [], by, now, leaseMs, mostLosses } = claim;
  // What another driver is taking right now is not waited for.
  const locked = sql.dialect === 'sqlite' ? '' : ' FOR NO KEY UPDATE SKIP LOCKED';
  for (;;) {
    const row = await sql.get(
      `SELECT * FROM submissions WHERE ${FREE}
       AND (place = ? OR remote = ? OR snapshot IN ${inList(snapshots)}) ORDER BY submitted_at, submission_id LIMIT 1${locked}`,
      now,
      place,
      remote ?? '',
      ...snapshots,
    );
    if (row === undefined) return undefined;
    const found = submissionOf(row);
    const losses = found.losses + (found.state === 'running' ? 1 : 0);
    if (losses >= mostLosses) {
      await endRow(sql, found.id, { state: 'failed', at: now, note: `${losses} drivers died that ran it` });
      continue;
    }
    if (found.isCancelled) {
      await endRow(sql, found.id, { state: 'cancelled', at: now });
      continue;
    }
    const epoch = found.epoch + 1;
    await sql.run(
      `UPDATE submissions SET state = 'running', epoch = ?, losses = ?, driver = ?, lease_until = ?
       WHERE submission_id = ?`,
      epoch,
      losses,
      by,
      now + leaseMs,
      found.id,
    );
    return { ...found, state: 'running', epoch, losses, driver: by, leaseUntil: now + leaseMs };
  }
}

const FREE = `(state = 'waiting' OR (state = 'running' AND lease_until <= ?))`;

/** What those need that wait, and lie where this driver does not look; the oldest first, `limit` at most. */
export async function strangeSnapshots(
  sql: Sql,
  { place, remote, now }: Pick<SubmissionClaim, 'place' | 'remote' | 'now'>,
  limit: number,
): Promise<string[]> {
  const rows = await sql.all(
    `SELECT snapshot FROM submissions WHERE ${FREE} AND place <> ? AND (remote IS NULL OR remote <> ?)
     GROUP BY snapshot ORDER BY MIN(submitted_at) LIMIT ?`,
    now,
    place,
    remote ?? '',
    limit,
  );
  return rows.map((row) => String(row['snapshot']));
}

function inList(values: readonly unknown[]): string {
  return values.length === 0 ? '(NULL)' : `(${values.map(() => '?').join(', ')})`;
}

/** Whether a driver still has a run, and may go on with it. */
export type Hold = 'held' | 'cancelled' | 'lost';

/** Prolongs a lease. A lapsed one that nobody took is one's own again. */
export async function renewSubmission(sql: Sql, held: Submission, leaseUntil: number): Promise<Hold> {
  if (!(await update(sql, held, 'lease_until = ?', leaseUntil))) return 'lost';
  return (await readSubmission(sql, held.id))?.isCancelled === true ? 'cancelled' : 'held';
}

/** Says which run this epoch has. False: another driver has it. */
export async function nameSubmittedRun(sql: Sql, held: Submission, run: string): Promise<boolean> {
  return update(sql, held, 'run_id = ?, note = NULL', run);
}

/** Says what a run waits for. False: another driver has it. */
export async function noteSubmission(sql: Sql, held: Submission, note: string): Promise<boolean> {
  return update(sql, held, 'note = ?', note);
}

/** Gives a run back, for any driver to go on with. False: another driver has it. */
export async function releaseSubmission(sql: Sql, held: Submission, note: string): Promise<boolean> {
  return update(sql, held, `state = 'waiting', lease_until = NULL, driver = NULL, note = ?`, note);
}

export interface SubmissionEnd {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly at: number;
  readonly note?: string | undefined;
}

/** Ends a run that is held. False: another driver has it. */
export async function endSubmission(
  sql: Sql,
  held: Submission,
  { state, at, note }: SubmissionEnd,
): Promise<boolean> {
  return update(sql, held, 'state = ?, ended_at = ?, note = ?, lease_until = NULL', state, at, note ?? null);
}

/**
 * Asks for a run's end: one that waits has it at once, one that runs when its driver hears of it.
 * Undefined: it had ended.
 */
export async function cancelSubmission(
  sql: Sql,
  id: string,
  now: number,
): Promise<'cancelled' | 'told' | undefined> {
  const row = await sql.get(
    `SELECT state FROM submissions WHERE submission_id = ? AND ${OPEN}${lock(sql, 'change')}`,
    id,
  );
  if (row === undefined) return undefined;
  if (row['state'] === 'waiting') {
    await endRow(sql, id, { state: 'cancelled', at: now });
    return 'cancelled';
  }
  await sql.run('UPDATE submissions SET is_cancelled = 1 WHERE submission_id = ?', id);
  return 'told';
}

/** Forgets those that ended before an instant, with their events. Gives their ids. */
export async function forgetSubmissions(sql: Sql, before: number): Promise<string[]> {
  const rows = await sql.all('DELETE FROM submissions WHERE ended_at < ? RETURNING submission_id', before);
  return rows.map((row) => String(row['submission_id']));
}

async function endRow(sql: Sql, id: string, { state, at, note }: SubmissionEnd): Promise<void> {
  await sql.run(
    'UPDATE submissions SET state = ?, ended_at = ?, note = ?, lease_until = NULL WHERE submission_id = ?',
    state,
    at,
    note ?? null,
    id,
  );
}

/** Changes a run if it is still held by this epoch. `set` is ours, never text of others. */
async function update(
  sql: Sql,
  { id, epoch }: Submission,
  set: string,
  ...values: readonly (string | number | null)[]
): Promise<boolean> {
  const changed = await sql.run(
    `UPDATE submissions SET ${set} WHERE submission_id = ? AND epoch = ? AND state = 'running'`,
    ...values,
    id,
    epoch,
  );
  return changed > 0;
}

function submissionOf(row: Row): Submission {
  const number = (key: string): number | undefined => (row[key] === null ? undefined : Number(row[key]));
  const text = (key: string): string | undefined => (row[key] === null ? undefined : String(row[key]));
  return {
    id: String(row['submission_id']),
    projectDir: String(row['project_dir']),
    settings: JSON.parse(String(row['settings'])) as SubmittedRecipe,
    snapshot: String(row['snapshot']),
    place: String(row['place']),
    remote: text('remote'),
    submittedAt: Number(row['submitted_at']),
    submittedBy: String(row['submitted_by']),
    owner: text('owner'),
    state: row['state'] as SubmissionState,
    epoch: Number(row['epoch']),
    losses: Number(row['losses']),
    driver: text('driver'),
    leaseUntil: number('lease_until'),
    run: text('run_id'),
    isCancelled: Number(row['is_cancelled']) === 1,
    note: text('note'),
    endedAt: number('ended_at'),
  };
}

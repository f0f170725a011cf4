import type { RunEvent } from '../core/events.ts';
import { lock } from '../db/lock.ts';
import type { Sql } from '../db/sql.ts';
import type { EventCursor, Submission, SubmissionEvent } from '../engine/submission-port.ts';

/** What a driver was told, in order from 1, whichever of its tries said it. */
export interface NumberedEvent {
  readonly seq: number;
  readonly event: RunEvent;
}

/**
 * Writes down what a run says, for whoever follows it elsewhere: what is there already stays, as whoever does not hear of a
 * commit says the same again. False: another driver has it, and nothing is.
 */
export async function addSubmissionEvents(
  sql: Sql,
  { id, epoch }: Submission,
  events: readonly NumberedEvent[],
): Promise<boolean> {
  const held = await sql.get(
    `SELECT 1 AS held FROM submissions WHERE submission_id = ? AND epoch = ? AND state = 'running'${lock(sql, 'change')}`,
    id,
    epoch,
  );
  if (held === undefined) return false;
  await sql.runMany(
    'INSERT INTO submission_events (submission_id, epoch, seq, event) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    events.map(({ seq, event }) => [id, epoch, seq, JSON.stringify(event)]),
  );
  return true;
}

/** What comes behind the cursor, in order, `limit` at most. */
export async function readSubmissionEvents(
  sql: Sql,
  id: string,
  { epoch, seq }: EventCursor,
  limit: number,
): Promise<SubmissionEvent[]> {
  const rows = await sql.all(
    `SELECT epoch, seq, event FROM submission_events WHERE submission_id = ? AND (epoch, seq) > (?, ?)
     ORDER BY epoch, seq LIMIT ?`,
    id,
    epoch,
    seq,
    limit,
  );
  return rows.map((row) => ({
    epoch: Number(row['epoch']),
    seq: Number(row['seq']),
    event: JSON.parse(String(row['event'])) as RunEvent,
  }));
}

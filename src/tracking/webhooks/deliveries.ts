import type { Row, Sql } from '../../db/sql.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import type { WebhookEvent } from './webhook-event.ts';

/** What a webhook is still to be told, or was told in vain. Times in milliseconds since the Unix epoch. */
export interface Delivery {
  /** The receiver knows by it what it was told already. */
  readonly id: string;
  readonly event: WebhookEvent;
  readonly state: 'waiting' | 'given-up';
  readonly createdAt: number;
  /** When it is tried next. */
  readonly due: number;
  /** Begun so far. */
  readonly attempts: number;
  /** Of the last attempt. */
  readonly problem: string | undefined;
}

/** A delivery that is this server's to make until its lease ends. */
export interface ClaimedDelivery extends Pick<Delivery, 'id' | 'event' | 'attempts'> {
  readonly payload: string;
  readonly webhook: {
    readonly id: string;
    readonly name: string;
    readonly url: string;
    readonly secret: string;
  };
}

/** What became of an attempt. */
export type Settlement =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly due: number; readonly problem: string | undefined }
  | { readonly kind: 'given-up'; readonly problem: string };

/** What was told in vain is kept so long, to be looked at: milliseconds. */
const KEPT_MS = 30 * 86_400_000;
const MAX_LISTED = 1000;

/** Whether anything is due: what many servers ask often, and without a lock. */
export async function isAnyDue(sql: Sql, now: number): Promise<boolean> {
  const row = await sql.get(
    `SELECT 1 AS found FROM webhook_deliveries d JOIN webhooks w USING (webhook_id)
     WHERE d.state = 'waiting' AND d.due <= ? AND w.status = 'ACTIVE' LIMIT 1`,
    now,
  );
  return row !== undefined;
}

/**
 * Takes what has been due longest. Whoever takes it and dies has held it for as long as the lease: then it is
 * due again, and was begun once more.
 */
export async function claimDelivery(
  sql: Sql,
  { now, leaseMs, busy }: { now: number; leaseMs: number; busy: readonly string[] },
): Promise<ClaimedDelivery | undefined> {
  // What another server is taking right now is not waited for.
  const lock = sql.dialect === 'sqlite' ? '' : ' FOR NO KEY UPDATE OF d SKIP LOCKED';
  const row = await sql.get(
    `SELECT d.*, w.name, w.url, w.secret FROM webhook_deliveries d JOIN webhooks w USING (webhook_id)
     WHERE d.state = 'waiting' AND d.due <= ? AND w.status = 'ACTIVE' AND d.webhook_id NOT IN ${inList(sql, 'text')}
     ORDER BY d.due, d.delivery_seq LIMIT 1${lock}`,
    now,
    listOf(busy),
  );
  if (row === undefined) return undefined;
  const attempts = Number(row['attempts']) + 1;
  await sql.run(
    'UPDATE webhook_deliveries SET attempts = ?, due = ? WHERE delivery_id = ?',
    attempts,
    now + leaseMs,
    String(row['delivery_id']),
  );
  return {
    id: String(row['delivery_id']),
    event: eventOf(row),
    attempts,
    payload: String(row['payload']),
    webhook: {
      id: String(row['webhook_id']),
      name: String(row['name']),
      url: String(row['url']),
      secret: String(row['secret']),
    },
  };
}

/** Says what became of an attempt; of one whose lease another took over meanwhile it says nothing. */
export async function settleDelivery(
  sql: Sql,
  { id, attempts, webhook }: ClaimedDelivery,
  settlement: Settlement,
  now: number,
): Promise<void> {
  switch (settlement.kind) {
    case 'delivered':
      await sql.run('DELETE FROM webhook_deliveries WHERE delivery_id = ? AND attempts = ?', id, attempts);
      return;
    case 'again':
      await sql.run(
        'UPDATE webhook_deliveries SET due = ?, problem = ? WHERE delivery_id = ? AND attempts = ?',
        settlement.due,
        settlement.problem ?? null,
        id,
        attempts,
      );
      return;
    case 'given-up':
      await sql.run(
        `UPDATE webhook_deliveries SET state = 'given-up', problem = ? WHERE delivery_id = ? AND attempts = ?`,
        settlement.problem,
        id,
        attempts,
      );
      await sql.run(
        `DELETE FROM webhook_deliveries WHERE webhook_id = ? AND state = 'given-up' AND created_at < ?`,
        webhook.id,
        now - KEPT_MS,
      );
  }
}

/** What a webhook is still to be told, and was told in vain; newest first. */
export async function listDeliveries(sql: Sql, webhook: string): Promise<Delivery[]> {
  const rows = await sql.all(
    'SELECT * FROM webhook_deliveries WHERE webhook_id = ? ORDER BY delivery_seq DESC LIMIT ?',
    webhook,
    MAX_LISTED,
  );
  return rows.map((row) => ({
    id: String(row['delivery_id']),
    event: eventOf(row),
    state: row['state'] as Delivery['state'],
    createdAt: Number(row['created_at']),
    due: Number(row['due']),
    attempts: Number(row['attempts']),
    problem: row['problem'] === null ? undefined : String(row['problem']),
  }));
}

/** What was told in vain is tried from the start. Gives how much that is. */
export async function retryDeliveries(sql: Sql, webhook: string, now: number): Promise<number> {
  return sql.run(
    `UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, due = ? WHERE webhook_id = ? AND state = 'given-up'`,
    now,
    webhook,
  );
}

/** Of all webhooks, by state. */
export async function countDeliveries(sql: Sql): Promise<Record<Delivery['state'], number>> {
  const rows = await sql.all('SELECT state, count(*) AS n FROM webhook_deliveries GROUP BY state');
  const counts = new Map(rows.map((row) => [row['state'], Number(row['n'])]));
  return { waiting: counts.get('waiting') ?? 0, 'given-up': counts.get('given-up') ?? 0 };
}

function eventOf(row: Row): WebhookEvent {
  return { entity: row['entity'], action: row['action'] } as WebhookEvent;
}

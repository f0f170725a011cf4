import type { Database } from '../../src/db/sql.ts';
import {
  type ClaimedDelivery,
  claimDelivery,
  type Delivery,
  listDeliveries,
  settleDelivery,
} from '../../src/tracking/webhooks/deliveries.ts';
import type { WebhookEvent } from '../../src/tracking/webhooks/webhook-event.ts';
import { createWebhook, type Webhook, type WebhookSettings } from '../../src/tracking/webhooks/webhooks.ts';

export const CREATED: WebhookEvent = { entity: 'registered_model', action: 'created' };
const SETTINGS: WebhookSettings = {
  name: 'hook',
  description: '',
  url: 'https://example.com/hook',
  events: [CREATED],
  ownEvents: [],
  status: 'ACTIVE',
  secret: 'of the hook',
};

export async function newHook(
  database: Database,
  id: string,
  more: Partial<WebhookSettings> = {},
  at = 10,
): Promise<Webhook> {
  return database.write((sql) => createWebhook(sql, id, { ...SETTINGS, ...more }, { actor: 'me', at }));
}

export async function deliveries(database: Database, hook = 'h'): Promise<Delivery[]> {
  return (await database.read((sql) => listDeliveries(sql, hook))).toReversed();
}

/** What a hook was to be told so far, oldest first, as it is sent; takes it all. */
export async function told(database: Database): Promise<unknown[]> {
  const payloads: unknown[] = [];
  for (;;) {
    const claimed = await claim(database, { now: 1_000_000 });
    if (claimed === undefined) return payloads;
    payloads.push(JSON.parse(claimed.payload));
    await database.write((sql) => settleDelivery(sql, claimed, { kind: 'delivered' }, 1_000_000));
  }
}

export async function claim(
  database: Database,
  { now = 100, busy = [] }: { now?: number; busy?: readonly string[] } = {},
): Promise<ClaimedDelivery | undefined> {
  return database.write((sql) => claimDelivery(sql, { now, leaseMs: 50, busy }));
}

import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { checkLength } from '../mlflow/check.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { invalid, missing } from '../mlflow/mlflow-error.ts';
import { pageBy } from '../mlflow/page.ts';
import { columnKey } from '../sort-key.ts';
import { checkEvent, isMlflowEvent, type WebhookEvent } from './webhook-event.ts';

export const WEBHOOK_STATUSES = ['ACTIVE', 'DISABLED'] as const;
export type WebhookStatus = (typeof WEBHOOK_STATUSES)[number];

/** Who is told of events, but for the secret. Times in milliseconds since the Unix epoch. */
export interface Webhook {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly url: string;
  /** MLflow's, one or more. */
  readonly events: readonly WebhookEvent[];
  /** Those that MLflow has not. */
  readonly ownEvents: readonly WebhookEvent[];
  readonly status: WebhookStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What users say of a webhook; an empty secret: nothing is signed. */
export interface WebhookSettings
  extends Pick<Webhook, 'name' | 'description' | 'url' | 'events' | 'ownEvents' | 'status'> {
  readonly secret: string;
}

const MAX_DESCRIPTION = 1000;
const MAX_URL = 500;
const MAX_SECRET = 1000;
const MAX_PAGE = 1000;

export async function createWebhook(
  sql: Sql,
  id: string,
  settings: WebhookSettings,
  change: Change,
): Promise<Webhook> {
  const { name, description, url, secret, status } = settings;
  check(settings);
  await sql.run(
    'INSERT INTO webhooks (webhook_id, name, description, url, secret, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    name,
    description,
    url,
    secret,
    status,
    change.at,
    change.at,
  );
  await writeEvents(sql, id, settings);
  await audit(sql, change, { action: 'webhook', name: principalOf(id), before: null, after: name });
  return readWebhook(sql, id);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readWebhook(sql: Sql, id: string): Promise<Webhook> {
  return (await webhooksOf(sql, [await rowOf(sql, id)]))[0] as Webhook;
}

/** What a webhook's calls are signed with; empty if they are not. */
export async function secretOf(sql: Sql, id: string): Promise<string> {
  return String((await rowOf(sql, id))['secret']);
}

/** Newest first. */
export async function listWebhooks(
  sql: Sql,
  { maxResults, pageToken }: { maxResults: number; pageToken: string | undefined },
): Promise<{ webhooks: Webhook[]; token: { readonly next_page_token?: string } }> {
  if (maxResults < 1 || maxResults > MAX_PAGE)
    throw invalid(`max_results must be between 1 and ${MAX_PAGE}.`);
  const { rows, token } = await pageBy(
    sql,
    { select: '*', from: 'webhooks', grammar: { what: 'webhooks' } },
    { filter: '', orderBy: [], maxResults, pageToken },
    [],
    [columnKey('created_at', 'integer', 'DESC'), columnKey('webhook_id', 'text', 'DESC')],
  );
  return { webhooks: await webhooksOf(sql, rows), token };
}

/** Changes what is given. */
export async function updateWebhook(
  sql: Sql,
  id: string,
  changed: { readonly [K in keyof WebhookSettings]: WebhookSettings[K] | undefined },
  change: Change,
): Promise<Webhook> {
  await rowOf(sql, id, 'change');
  const before = await readWebhook(sql, id);
  const settings: WebhookSettings = {
    name: changed.name ?? before.name,
    description: changed.description ?? before.description,
    url: changed.url ?? before.url,
    events: changed.events ?? before.events,
    ownEvents: changed.ownEvents ?? before.ownEvents,
    status: changed.status ?? before.status,
    secret: changed.secret ?? (await secretOf(sql, id)),
  };
  check(settings);
  await sql.run(
    'UPDATE webhooks SET name = ?, description = ?, url = ?, secret = ?, status = ?, updated_at = ? WHERE webhook_id = ?',
    settings.name,
    settings.description,
    settings.url,
    settings.secret,
    settings.status,
    change.at,
    id,
  );
  if (changed.events !== undefined || changed.ownEvents !== undefined) {
    await sql.run('DELETE FROM webhook_events WHERE webhook_id = ?', id);
    await writeEvents(sql, id, settings);
  }
  await audit(sql, change, {
    action: 'webhook changed',
    name: principalOf(id),
    before: null,
    // Never the values: an address may hold a secret, too.
    after: Object.entries(changed)
      .flatMap(([key, value]) => (value === undefined ? [] : [key]))
      .join(', '),
  });
  return readWebhook(sql, id);
}

/** With all that it was still to be told. */
export async function deleteWebhook(sql: Sql, id: string, change: Change): Promise<void> {
  const { name } = await rowOf(sql, id, 'change');
  await sql.run('DELETE FROM webhooks WHERE webhook_id = ?', id);
  await audit(sql, change, {
    action: 'webhook deleted',
    name: principalOf(id),
    before: String(name),
    after: null,
  });
}

function check({ name, description, url, events, ownEvents, secret }: WebhookSettings): void {
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name))
    throw invalid(
      `Webhook name '${name.slice(0, 80)}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).`,
    );
  checkLength('Webhook description', description, MAX_DESCRIPTION);
  checkLength('Webhook URL', url, MAX_URL);
  checkLength('Webhook secret', secret, MAX_SECRET);
  if (events.length === 0)
    throw invalid('Webhook events must be a non-empty list of WebhookEvent objects: [].');
  for (const event of [...events, ...ownEvents]) checkEvent(event);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
async function rowOf(sql: Sql, id: string, use?: 'change'): Promise<Row> {
  const row = await sql.get(
    `SELECT * FROM webhooks WHERE webhook_id = ?${use === undefined ? '' : lock(sql, use)}`,
    id,
  );
  if (row === undefined) throw missing(`Webhook with ID ${id.slice(0, 80)} not found.`);
  return row;
}

async function writeEvents(
  sql: Sql,
  id: string,
  { events, ownEvents }: Pick<WebhookSettings, 'events' | 'ownEvents'>,
): Promise<void> {
  for (const [position, { entity, action }] of [...events, ...ownEvents].entries())
    await sql.run(
      'INSERT INTO webhook_events (webhook_id, entity, action, position) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      id,
      entity,
      action,
      position,
    );
}

async function webhooksOf(sql: Sql, rows: readonly Row[]): Promise<Webhook[]> {
  const found = await sql.all(
    `SELECT webhook_id, entity, action FROM webhook_events WHERE webhook_id IN ${inList(sql, 'text')} ORDER BY position`,
    listOf(rows.map((row) => String(row['webhook_id']))),
  );
  const of = Map.groupBy(found, (row) => String(row['webhook_id']));
  const eventsOf = (id: string, isMlflows: boolean): WebhookEvent[] =>
    (of.get(id) ?? [])
      .map(({ entity, action }) => ({ entity, action }) as WebhookEvent)
      .filter((event) => isMlflowEvent(event) === isMlflows);
  return rows.map((row) => ({
    id: String(row['webhook_id']),
    name: String(row['name']),
    description: String(row['description']),
    url: String(row['url']),
    events: eventsOf(String(row['webhook_id']), true),
    ownEvents: eventsOf(String(row['webhook_id']), false),
    status: row['status'] as WebhookStatus,
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
  }));
}

function principalOf(id: string): string {
  return `webhook:${id}`;
}

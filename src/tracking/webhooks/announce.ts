import { randomUUID } from 'node:crypto';
import type { Sql } from '../../db/sql.ts';
import type { Tag } from '../mlflow/messages.ts';
import { isPromptName, PROMPT_TAG, PROMPT_TEXT_TAG, PROMPT_TYPE_TAG } from '../mlflow/prompt.ts';
import { payloadOf } from './payload.ts';
import type { WebhookEvent } from './webhook-event.ts';

/** What happens to registered models, as an event of a model and of one that is a prompt. */
const HAPPENINGS = {
  created: {
    model: { entity: 'registered_model', action: 'created' },
    prompt: { entity: 'prompt', action: 'created' },
  },
  'version created': {
    model: { entity: 'model_version', action: 'created' },
    prompt: { entity: 'prompt_version', action: 'created' },
  },
  // Of a model's own tags nobody is told: MLflow has no event for them.
  'tag set': { model: undefined, prompt: { entity: 'prompt_tag', action: 'set' } },
  'tag deleted': { model: undefined, prompt: { entity: 'prompt_tag', action: 'deleted' } },
  'version tag set': {
    model: { entity: 'model_version_tag', action: 'set' },
    prompt: { entity: 'prompt_version_tag', action: 'set' },
  },
  'version tag deleted': {
    model: { entity: 'model_version_tag', action: 'deleted' },
    prompt: { entity: 'prompt_version_tag', action: 'deleted' },
  },
  'alias set': {
    model: { entity: 'model_version_alias', action: 'created' },
    prompt: { entity: 'prompt_alias', action: 'created' },
  },
  'alias deleted': {
    model: { entity: 'model_version_alias', action: 'deleted' },
    prompt: { entity: 'prompt_alias', action: 'deleted' },
  },
  'promotion requested': both({ entity: 'promotion', action: 'requested' }),
  'promotion approved': both({ entity: 'promotion', action: 'approved' }),
  'promotion rejected': both({ entity: 'promotion', action: 'rejected' }),
  'promotion stale': both({ entity: 'promotion', action: 'stale' }),
} as const satisfies Record<string, { model: WebhookEvent | undefined; prompt: WebhookEvent }>;

function both(event: WebhookEvent): { model: WebhookEvent; prompt: WebhookEvent } {
  return { model: event, prompt: event };
}

interface Announcement {
  readonly what: keyof typeof HAPPENINGS;
  /** Of the model or prompt. */
  readonly name: string;
  readonly data: object;
  /** What is said instead where it is a prompt. */
  readonly ofPrompt?: object;
}

/**
 * Writes down what each active webhook is to be told of a change, in the transaction of the change: who is
 * told of it, it did happen, and what did not happen nobody hears of.
 *
 * @param at milliseconds since the Unix epoch
 */
export async function announce(
  sql: Sql,
  { what, name, data, ofPrompt = data }: Announcement,
  at: number,
): Promise<void> {
  const { model, prompt } = HAPPENINGS[what];
  const told = await listeners(sql, model === undefined ? [prompt] : [model, prompt]);
  if (told.length === 0) return;
  const isPrompt = await isPromptName(sql, name);
  const event = isPrompt ? prompt : model;
  if (event === undefined) return;
  const payload = payloadOf(event, { name, ...(isPrompt ? ofPrompt : data) }, at);
  for (const { id, entity } of told)
    if (entity === event.entity)
      await sql.run(
        `INSERT INTO webhook_deliveries (delivery_id, webhook_id, entity, action, payload, state, created_at, due)
         VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)`,
        randomUUID(),
        id,
        event.entity,
        event.action,
        payload,
        at,
        at,
      );
}

/** A registered model or a prompt was made. */
export async function announceModel(
  sql: Sql,
  { name, description, tags }: { name: string; description: string; tags: readonly Tag[] },
  at: number,
): Promise<void> {
  const data = { tags: objectOf(tags), description };
  await announce(sql, { what: 'created', name, data, ofPrompt: { ...data, tags: usersTags(tags) } }, at);
}

interface MadeVersion {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly runId: string | undefined;
  readonly description: string | undefined;
  readonly tags: readonly Tag[];
}

/** A version of one was made. */
export async function announceVersion(
  sql: Sql,
  { name, version, source, runId, description = '', tags }: MadeVersion,
  at: number,
): Promise<void> {
  const shared = { version, description: description === '' ? null : description };
  const template = tags.find(({ key }) => key === PROMPT_TEXT_TAG)?.value ?? null;
  await announce(
    sql,
    {
      what: 'version created',
      name,
      data: { ...shared, source, run_id: runId ?? null, tags: objectOf(tags) },
      ofPrompt: { ...shared, template, tags: usersTags(tags) },
    },
    at,
  );
}

async function listeners(
  sql: Sql,
  events: readonly WebhookEvent[],
): Promise<{ id: string; entity: string }[]> {
  // One that is being deleted is waited for: a row of it could not be written any more.
  const lock = sql.dialect === 'sqlite' ? '' : ' FOR KEY SHARE OF w';
  const rows = await sql.all(
    `SELECT webhook_id, e.entity FROM webhook_events e JOIN webhooks w USING (webhook_id)
     WHERE w.status = 'ACTIVE' AND (${events.map(() => '(e.entity = ? AND e.action = ?)').join(' OR ')})${lock}`,
    ...events.flatMap(({ entity, action }) => [entity, action]),
  );
  return rows.map((row) => ({ id: String(row['webhook_id']), entity: String(row['entity']) }));
}

function objectOf(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

function usersTags(tags: readonly Tag[]): Record<string, string> {
  const own = new Set([PROMPT_TAG, PROMPT_TEXT_TAG, PROMPT_TYPE_TAG]);
  return objectOf(tags.filter(({ key }) => !own.has(key)));
}

import { DestinationRefused, type Outbound } from '../../net/outbound.ts';
import { problemOfCall } from '../../net/problem-of-call.ts';
import { signedCall } from '../../net/signed-call.ts';
import { invalid } from '../../tracking/mlflow/mlflow-error.ts';
import { listDeliveries, retryDeliveries } from '../../tracking/webhooks/deliveries.ts';
import { exampleData } from '../../tracking/webhooks/example-data.ts';
import { payloadOf } from '../../tracking/webhooks/payload.ts';
import {
  checkEvent,
  MLFLOW_WEBHOOK_ACTIONS,
  MLFLOW_WEBHOOK_ENTITIES,
  OWN_WEBHOOK_EVENTS,
  type WebhookEvent,
} from '../../tracking/webhooks/webhook-event.ts';
import {
  createWebhook,
  deleteWebhook,
  listWebhooks,
  readWebhook,
  secretOf,
  updateWebhook,
  WEBHOOK_STATUSES,
  type Webhook,
} from '../../tracking/webhooks/webhooks.ts';
import { INTEGER, listOf, PAGE } from '../answers/shape.ts';
import { WEBHOOK, WEBHOOK_DELIVERY, WEBHOOK_TEST_RESULT } from '../answers/webhook-parts.ts';
import { changeOf } from '../change-of.ts';
import {
  ifGiven,
  integer,
  message,
  nested,
  oneOf,
  otherwise,
  repeated,
  required,
  some,
  text,
  unlessEmpty,
} from '../message.ts';
import { ADMIN } from '../policy.ts';
import { type Route, route, type Served } from '../route.ts';

/** MLflow's requests write them in capitals. */
const EVENT = message({
  entity: required(oneOf(MLFLOW_WEBHOOK_ENTITIES.map((one) => one.toUpperCase()))),
  action: required(oneOf(MLFLOW_WEBHOOK_ACTIONS.map((one) => one.toUpperCase()))),
});
const ID = { webhook_id: required(text()) };
const SETTINGS = {
  description: text(),
  events: repeated(nested(EVENT)),
  // Beside MLflow's: its clients read no others among `events`.
  stockpot_events: ifGiven(repeated(oneOf(OWN_WEBHOOK_EVENTS))),
  secret: text(),
  status: oneOf(WEBHOOK_STATUSES),
};

/** Characters of a receiver's answer that a trial shows. */
const MAX_SHOWN = 1000;

/** Who is told of changes in the registry, as MLflow 3 has it; and what was told in vain. */
export const WEBHOOK_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/webhooks',
    'createWebhook',
    ADMIN,
    message({ name: required(text()), url: required(text()), ...SETTINGS, events: some(SETTINGS.events) }),
    { webhook: WEBHOOK },
    async (
      served,
      { name, url, events, stockpot_events: own = [], description = '', secret = '', status = 'ACTIVE' },
    ) => {
      checkUrl(served.outbound, url);
      const settings = {
        name,
        url,
        events: events.map(eventOf),
        ownEvents: own.map(ownEventOf),
        description,
        secret,
        status,
      };
      return {
        webhook: messageOf(
          await served.database.write((sql) =>
            createWebhook(sql, served.newId(), settings, changeOf(served)),
          ),
        ),
      };
    },
  ),
  route(
    'GET',
    '/mlflow/webhooks',
    'listWebhooks',
    ADMIN,
    message({ max_results: otherwise(integer(), 100), page_token: unlessEmpty(text()) }),
    { webhooks: listOf(WEBHOOK), ...PAGE },
    async ({ database }, { max_results, page_token }) => {
      const { webhooks, token } = await database.read((sql) =>
        listWebhooks(sql, { maxResults: max_results || 100, pageToken: page_token }),
      );
      return { webhooks: webhooks.map(messageOf), ...token };
    },
  ),
  route(
    'GET',
    '/mlflow/webhooks/{webhook_id}',
    'getWebhook',
    ADMIN,
    message(ID),
    { webhook: WEBHOOK },
    async (served, { webhook_id }) => ({
      webhook: messageOf(await served.database.read((sql) => readWebhook(sql, webhook_id))),
    }),
  ),
  route(
    'PATCH',
    '/mlflow/webhooks/{webhook_id}',
    'updateWebhook',
    ADMIN,
    message({ ...ID, name: unlessEmpty(text()), url: unlessEmpty(text()), ...SETTINGS }),
    { webhook: WEBHOOK },
    async (served, { webhook_id, events, stockpot_events: own, name, url, description, secret, status }) => {
      if (url !== undefined) checkUrl(served.outbound, url);
      const changed = {
        name,
        url,
        // None are as none given, with MLflow's clients.
        events: events.length === 0 ? undefined : events.map(eventOf),
        ownEvents: own?.map(ownEventOf),
        description,
        secret,
        status,
      };
      return {
        webhook: messageOf(
          await served.database.write((sql) => updateWebhook(sql, webhook_id, changed, changeOf(served))),
        ),
      };
    },
  ),
  route(
    'DELETE',
    '/mlflow/webhooks/{webhook_id}',
    'deleteWebhook',
    ADMIN,
    message(ID),
    {},
    async (served, { webhook_id }) => {
      await served.database.write((sql) => deleteWebhook(sql, webhook_id, changeOf(served)));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/webhooks/{webhook_id}/test',
    'testWebhook',
    ADMIN,
    message({ ...ID, event: nested(EVENT) }),
    { result: WEBHOOK_TEST_RESULT },
    async (served, { webhook_id, event }) => {
      const { webhook, secret } = await served.database.read(async (sql) => ({
        webhook: await readWebhook(sql, webhook_id),
        secret: await secretOf(sql, webhook_id),
      }));
      const of = event === undefined ? webhook.events[0] : eventOf(event);
      if (of === undefined) throw new Error(`Internal error: the webhook ${webhook_id} has no events`);
      checkEvent(of);
      return { result: await tryOut(served, { url: webhook.url, secret }, of) };
    },
  ),
  route(
    'GET',
    '/stockpot/webhooks/{webhook_id}/deliveries',
    'listWebhookDeliveries',
    ADMIN,
    message(ID),
    { deliveries: listOf(WEBHOOK_DELIVERY) },
    async ({ database }, { webhook_id }) => {
      const deliveries = await database.read(async (sql) => {
        await readWebhook(sql, webhook_id);
        return listDeliveries(sql, webhook_id);
      });
      return {
        deliveries: deliveries.map(({ id, event, state, createdAt, due, attempts, problem }) => ({
          delivery_id: id,
          event: eventMessage(event),
          state: state === 'waiting' ? 'WAITING' : 'GIVEN_UP',
          creation_timestamp: createdAt,
          ...(state === 'waiting' ? { due_timestamp: due } : {}),
          attempts,
          ...(problem === undefined ? {} : { problem }),
        })),
      };
    },
  ),
  route(
    'POST',
    '/stockpot/webhooks/{webhook_id}/retry',
    'retryWebhookDeliveries',
    ADMIN,
    message(ID),
    { retried: INTEGER },
    async ({ database, now }, { webhook_id }) => ({
      retried: await database.write(async (sql) => {
        await readWebhook(sql, webhook_id);
        return retryDeliveries(sql, webhook_id, now());
      }),
    }),
  ),
];

/** One call with made-up data, and what came of it. */
async function tryOut(
  { outbound, newId, now }: Served,
  hook: { readonly url: string; readonly secret: string },
  event: WebhookEvent,
): Promise<object> {
  const at = now();
  const payload = payloadOf(event, exampleData(event), at);
  try {
    const { status, body } = await outbound.post(
      signedCall({ as: 'mlflow', ...hook, id: newId(), payload, at }),
    );
    return {
      success: status >= 200 && status < 300,
      response_status: status,
      response_body: body.slice(0, MAX_SHOWN),
    };
  } catch (failed) {
    return { success: false, error_message: `Failed to test webhook: ${problemOfCall(failed)}` };
  }
}

/** What its name leads to is looked at whenever it is called. */
function checkUrl(outbound: Outbound, url: string): void {
  try {
    outbound.check(url);
  } catch (error) {
    if (!(error instanceof DestinationRefused)) throw error;
    if (error.scheme !== undefined)
      throw invalid(`Invalid webhook URL scheme: '${error.scheme}'. Allowed schemes are: https.`);
    throw invalid(
      `Invalid webhook URL: ${error.message} The operator of the server may allow other hosts with --webhook-allow.`,
    );
  }
}

function eventOf({ entity, action }: ReturnType<typeof EVENT.read>): WebhookEvent {
  return { entity: entity.toLowerCase(), action: action.toLowerCase() } as WebhookEvent;
}

/** @param name as `promotion.approved` */
function ownEventOf(name: string): WebhookEvent {
  const [entity, action] = name.split('.');
  return { entity, action } as WebhookEvent;
}

function eventMessage({ entity, action }: WebhookEvent): object {
  return { entity: entity.toUpperCase(), action: action.toUpperCase() };
}

function messageOf({
  id,
  name,
  description,
  url,
  events,
  ownEvents,
  status,
  createdAt,
  updatedAt,
}: Webhook): object {
  return {
    webhook_id: id,
    name,
    ...(description === '' ? {} : { description }),
    url,
    events: events.map(eventMessage),
    ...(ownEvents.length === 0
      ? {}
      : { stockpot_events: ownEvents.map(({ entity, action }) => `${entity}.${action}`) }),
    status,
    creation_timestamp: createdAt,
    last_updated_timestamp: updatedAt,
  };
}

import {
  MLFLOW_WEBHOOK_ACTIONS,
  MLFLOW_WEBHOOK_ENTITIES,
  OWN_WEBHOOK_EVENTS,
} from '../../tracking/webhooks/webhook-event.ts';
import { WEBHOOK_STATUSES } from '../../tracking/webhooks/webhooks.ts';
import { BOOLEAN, INTEGER, listOf, object, oneOf, optional, part, TEXT } from './shape.ts';

const EVENT = part('WebhookEvent', {
  entity: oneOf(MLFLOW_WEBHOOK_ENTITIES.map((one) => one.toUpperCase())),
  action: oneOf(MLFLOW_WEBHOOK_ACTIONS.map((one) => one.toUpperCase())),
});

export const WEBHOOK = part('Webhook', {
  webhook_id: TEXT,
  name: TEXT,
  description: optional(TEXT),
  url: TEXT,
  events: listOf(EVENT),
  stockpot_events: optional(listOf(oneOf(OWN_WEBHOOK_EVENTS))),
  status: oneOf(WEBHOOK_STATUSES),
  creation_timestamp: INTEGER,
  last_updated_timestamp: INTEGER,
});

/** What the receiver answered, or why there is no answer. */
export const WEBHOOK_TEST_RESULT = part('WebhookTestResult', {
  success: BOOLEAN,
  response_status: optional(INTEGER),
  response_body: optional(TEXT),
  error_message: optional(TEXT),
});

export const WEBHOOK_DELIVERY = part('WebhookDelivery', {
  delivery_id: TEXT,
  // Also one that MLflow has no word for.
  event: object({ entity: TEXT, action: TEXT }),
  state: oneOf(['WAITING', 'GIVEN_UP']),
  creation_timestamp: INTEGER,
  due_timestamp: optional(INTEGER),
  attempts: INTEGER,
  problem: optional(TEXT),
});

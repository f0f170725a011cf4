import type { WebhookEvent } from './webhook-event.ts';

/** What a receiver is sent, as MLflow writes it. @param at milliseconds since the Unix epoch */
export function payloadOf({ entity, action }: WebhookEvent, data: object, at: number): string {
  // Python's `fromisoformat` knows `Z` only since 3.11.
  const timestamp = new Date(at).toISOString().replace('Z', '+00:00');
  return JSON.stringify({ entity, action, timestamp, data });
}

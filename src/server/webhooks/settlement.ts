import { DestinationRefused, type OutboundAnswer } from '../../net/outbound.ts';
import { problemOfCall } from '../../net/problem-of-call.ts';
import type { Settlement } from '../../tracking/webhooks/deliveries.ts';

/** About 14 minutes in all. */
export const MAX_ATTEMPTS = 20;
const MAX_WAIT_MS = 60_000;
/** What a receiver says when it may say otherwise later. */
const PASSING = new Set([429, 500, 502, 503, 504]);

export interface Attempted {
  readonly outcome: OutboundAnswer | { readonly failed: unknown };
  /** So far, this one too. */
  readonly attempts: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** From 0 to below 1. */
  readonly random: number;
}

/** What follows from an attempt: it is over, or the next one comes later and later. */
export function settlementOf({ outcome, attempts, now, random }: Attempted): Settlement {
  const isAnswer = 'status' in outcome;
  if (isAnswer && outcome.status >= 200 && outcome.status < 300) return { kind: 'delivered' };
  const problem = isAnswer ? `It was answered ${outcome.status}.` : problemOfCall(outcome.failed);
  const mayPass = isAnswer ? PASSING.has(outcome.status) : !(outcome.failed instanceof DestinationRefused);
  if (!mayPass || attempts >= MAX_ATTEMPTS) return { kind: 'given-up', problem };
  const asked = isAnswer ? waitOf(outcome.retryAfter, now) : 0;
  // Those that failed together do not come back together.
  const own = 1000 * 2 ** (attempts - 1) + random * 1000;
  return { kind: 'again', due: now + Math.round(Math.min(MAX_WAIT_MS, Math.max(asked, own))), problem };
}

/** Milliseconds that a `Retry-After` asks for: seconds, or a date. */
function waitOf(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? 0 : at - now;
}

import type { StepEvent } from './events.ts';
import type { Failure } from './failure.ts';
import { unreachable } from './failure.ts';
import type { Fingerprint, StepId } from './ids.ts';

/**
 * Where a step stands. Each state carries exactly what is known in it.
 *
 *     pending ──waiting──▶ waiting ──started──▶ running ──succeeded──▶ succeeded
 *        │ │ └──────────started─────────────────▲  │ ├────failed──────▶ failed
 *        │ │                                    │  │ └────cancelled───▶ cancelled
 *        │ │                            retrying ◀─┘
 *        │ └──cached──▶ cached ──rewound──▶ pending
 *        └────skipped─▶ skipped
 *
 * `waiting` may also end cached (someone else published it), skipped or cancelled; `succeeded` may be rewound.
 */
export type StepState =
  | { readonly kind: 'pending' }
  | { readonly kind: 'waiting'; readonly reason: string; readonly holder: string }
  | { readonly kind: 'running'; readonly since: number; readonly attempt: number }
  | { readonly kind: 'retrying'; readonly attempt: number; readonly failure: Failure; readonly until: number }
  | { readonly kind: 'cached'; readonly fingerprint: Fingerprint; readonly savedMs: number }
  | { readonly kind: 'succeeded'; readonly fingerprint: Fingerprint; readonly durationMs: number }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'skipped'; readonly because: StepId | 'when' }
  | { readonly kind: 'cancelled' };

export const PENDING: StepState = { kind: 'pending' };

/** The state after `event`. Pure, so command line, server and browser share it. */
export function advance(state: StepState, event: StepEvent): StepState {
  switch (event.type) {
    case 'step.output':
    case 'step.report':
      return state;
    case 'step.waiting':
      return { kind: 'waiting', reason: event.reason, holder: event.holder };
    case 'step.started':
      return { kind: 'running', since: event.at, attempt: event.attempt };
    case 'step.retrying':
      return {
        kind: 'retrying',
        attempt: event.attempt,
        failure: event.failure,
        until: event.at + event.delayMs,
      };
    case 'step.cached':
      return { kind: 'cached', fingerprint: event.fingerprint, savedMs: event.savedMs };
    case 'step.succeeded':
      return { kind: 'succeeded', fingerprint: event.fingerprint, durationMs: event.durationMs };
    case 'step.failed':
      return { kind: 'failed', failure: event.failure };
    case 'step.skipped':
      return { kind: 'skipped', because: event.because };
    case 'step.cancelled':
      return { kind: 'cancelled' };
    case 'step.rewound':
      return PENDING;
    default:
      return unreachable(event);
  }
}

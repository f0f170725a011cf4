import { parseCron } from '../core/cron.ts';
import type { ScheduleRules } from '../core/schedule-rules.ts';
import { cronInstants } from './cron-instants.ts';
import { Zone } from './zone.ts';

/**
 * The nominal instants of a schedule after `after`, in order, in milliseconds since the Unix epoch. `every` counts
 * from `start`, or else from the epoch, so that all schedulers agree. `after` another recipe there are none to foresee.
 */
export function* nominalInstants(rules: ScheduleRules, after: number): Generator<number, void> {
  const { start = -Infinity, end = Infinity } = rules;
  for (const instant of unbounded(rules, Math.max(after, start - 1))) {
    if (instant > end) return;
    yield instant;
  }
}

function unbounded({ when, start }: ScheduleRules, after: number): Iterable<number> {
  if (when.kind === 'after') return [];
  return when.kind === 'cron'
    ? cronInstants(parseCron(when.cron), new Zone(when.timezone), after)
    : everyInstants(when.everyMs, start ?? 0, after);
}

function* everyInstants(everyMs: number, anchor: number, after: number): Generator<number, void> {
  for (let count = Math.floor((after - anchor) / everyMs) + 1; ; count += 1) yield anchor + count * everyMs;
}

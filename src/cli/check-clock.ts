import { describeSkew, MOST_SKEW_MS } from '../executors/fleet/redis-clock.ts';
import type { Check } from './check.ts';

/** Whether a clock says what this machine's does. `whose`: `Redis`, `the database`. */
export function checkClock(name: string, whose: string, skewMs: number): Check {
  const detail = `this machine is ${describeSkew(skewMs)} ${whose}`;
  return Math.abs(skewMs) <= MOST_SKEW_MS
    ? { name, ok: true, detail }
    : { name, ok: false, detail, fix: 'Set the clocks of both by NTP: `timedatectl set-ntp true`.' };
}

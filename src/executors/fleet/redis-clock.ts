import type { Redis } from 'ioredis';
import type { Clock } from '../../core/world.ts';

/** Clocks that differ by more make delays, ages, lapses and the times of events wrong. */
export const MOST_SKEW_MS = 60_000;

export interface RedisClock {
  readonly roundTripMs: number;
  /** By how much the clock of Redis is ahead of this machine's. */
  readonly skewMs: number;
}

/** @param times how often it is asked: the quickest of several answers says the most of its clock */
export async function readRedisClock(redis: Redis, clock: Clock, times: number): Promise<RedisClock> {
  let best: RedisClock = { roundTripMs: Number.POSITIVE_INFINITY, skewMs: 0 };
  for (let asked = 0; asked < times; asked += 1) {
    const [sentAt, started] = [clock.now(), clock.monotonic()];
    const [seconds, micros] = await redis.time();
    const roundTripMs = clock.monotonic() - started;
    const there = Number(seconds) * 1000 + Number(micros) / 1000;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, skewMs: there - sentAt - roundTripMs / 2 };
  }
  return best;
}

/** `3600.0 s ahead of` */
export function describeSkew(skewMs: number): string {
  return `${Math.abs(skewMs / 1000).toFixed(1)} s ${skewMs > 0 ? 'behind' : 'ahead of'}`;
}

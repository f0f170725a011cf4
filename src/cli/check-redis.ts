import type { Redis } from 'ioredis';
import type { Clock } from '../core/world.ts';
import { connectRedis, type RedisAddress, unfitness } from '../executors/fleet/redis.ts';
import { type Check, checkOf } from './check.ts';

/** Clocks that differ by more make ages, lapses and the times of events wrong. */
const MOST_SKEW_MS = 60_000;
const ASKED = 5;

/**
 * Whether a Redis can carry a fleet, how far it is, and whether its clock says what this machine's does.
 *
 * @param redis not yet connected; afterwards it is
 * @throws RecipeError REDIS_UNREACHABLE, REDIS_REFUSED
 */
export async function checkRedis(redis: Redis, address: RedisAddress, clock: Clock): Promise<Check[]> {
  const facts = await connectRedis(redis, address);
  const { roundTripMs, skewMs } = await readClock(redis, clock);
  return [
    {
      name: 'redis',
      ok: true,
      detail: `${address.name}, version ${facts.version}, answers in ${roundTripMs.toFixed(1)} ms`,
    },
    ...unfitness(facts, address).map((error) =>
      checkOf(error.code === 'REDIS_EVICTS' ? 'redis policy' : 'redis version', error),
    ),
    facts.isLogged
      ? { name: 'redis aof', ok: true, detail: 'on: queues outlive a restart' }
      : {
          name: 'redis aof',
          ok: true,
          detail: 'off: a restart empties the queues, which costs time, never work',
          fix: 'Run `redis-cli config set appendonly yes` and put it into redis.conf.',
        },
    clockCheck(skewMs),
  ];
}

function clockCheck(skewMs: number): Check {
  const seconds = Math.abs(skewMs / 1000).toFixed(1);
  const detail = `this machine is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} Redis`;
  return Math.abs(skewMs) <= MOST_SKEW_MS
    ? { name: 'clock', ok: true, detail }
    : { name: 'clock', ok: false, detail, fix: 'Set the clocks of both by NTP: `timedatectl set-ntp true`.' };
}

/** By the quickest of several answers: it says the most of the clock. */
async function readClock(redis: Redis, clock: Clock): Promise<{ roundTripMs: number; skewMs: number }> {
  let best = { roundTripMs: Number.POSITIVE_INFINITY, skewMs: 0 };
  for (let asked = 0; asked < ASKED; asked += 1) {
    const [sentAt, started] = [clock.now(), clock.monotonic()];
    const [seconds, micros] = await redis.time();
    const roundTripMs = clock.monotonic() - started;
    const there = Number(seconds) * 1000 + Number(micros) / 1000;
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, skewMs: there - sentAt - roundTripMs / 2 };
  }
  return best;
}

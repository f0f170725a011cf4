import type { Redis } from 'ioredis';
import type { Clock } from '../core/world.ts';
import { connectRedis, type RedisAddress, unfitness } from '../executors/fleet/redis.ts';
import { readRedisClock } from '../executors/fleet/redis-clock.ts';
import { type Check, checkOf } from './check.ts';
import { checkClock } from './check-clock.ts';

const ASKED = 5;

/**
 * Whether a Redis can carry a fleet, how far it is, and whether its clock says what this machine's does.
 *
 * @param redis not yet connected; afterwards it is
 * @throws RecipeError REDIS_UNREACHABLE, REDIS_REFUSED
 */
export async function checkRedis(redis: Redis, address: RedisAddress, clock: Clock): Promise<Check[]> {
  const facts = await connectRedis(redis, address);
  const { roundTripMs, skewMs } = await readRedisClock(redis, clock, ASKED);
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
    checkClock('clock', 'Redis', skewMs),
  ];
}

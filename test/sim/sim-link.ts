import type { FlightLink } from '../../src/executors/fleet/flight-link.ts';
import { takersOf } from '../../src/executors/fleet/presence.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRedis } from './sim-redis.ts';

/** A driver's way to the queues of a course. */
export function simLink(process: SimProcess, redis: SimRedis): FlightLink {
  redis.join({ process, onReady: () => {}, onCancelled: () => {} });
  const ask = async <T>(work: () => T): Promise<T> => redis.ask(process, work);
  return {
    enqueue: async (queue, id, message, turn) => ask(() => redis.add(queue, id, message, turn)),
    stateOf: async (_, id) => ask(() => redis.stateOf(id)),
    wait: async ({ nonce }, run, { now, isRunning }) => ask(() => redis.wait(nonce, run, now, isRunning)),
    leave: async ({ nonce }, run) => ask(() => redis.leave(nonce, run)),
    cancel: async (_, id, { nonce }) =>
      ask(() => {
        redis.cancel(nonce);
        redis.remove(id);
      }),
    workers: async () => ask(() => redis.workers),
    takers: async (queue) => ask(() => takersOf(queue, redis.workers).length),
    // What people are shown is nobody's business here.
    sayWaiting: async () => ask(() => {}),
    sayBegun: async () => ask(() => {}).catch(() => {}),
    landed: ({ nonce }, run) => void ask(() => redis.leave(nonce, run)).catch(() => {}),
    follow: ({ nonce }, onEntry) => redis.follow(process, nonce, onEntry),
  };
}

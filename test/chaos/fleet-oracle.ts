import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../../src/core/events.ts';
import { checkStore } from '../rigs/check-home.ts';
import type { FleetArena } from './fleet-arena.ts';

/** What a step gave: `name kind digest` of each output. */
export type Given = ReadonlyMap<string, readonly string[]>;

/** Keys of the queue and of the fleet that do not lapse: names of queues, counters, sets of workers. */
const MOST_LASTING_KEYS = 20;
const REST_MS = 30_000;

export function givenBy(events: readonly RunEvent[]): Given {
  return new Map(
    events.flatMap((event) =>
      event.type === 'step.succeeded' || event.type === 'step.cached'
        ? [
            [
              event.step,
              Object.entries(event.outputs)
                .map(([name, { kind, digest }]) => `${name} ${kind} ${digest}`)
                .toSorted(),
            ] as const,
          ]
        : [],
    ),
  );
}

/** Steps whose outputs are not those of one machine. */
export function differences(given: Given, expected: Given): string[] {
  return [...expected].flatMap(([step, outputs]) =>
    JSON.stringify(given.get(step)) === JSON.stringify(outputs)
      ? []
      : [`F2 ${step} gave ${JSON.stringify(given.get(step))}, and ${JSON.stringify(outputs)} on one machine`],
  );
}

/** What the shared folder, if there is one, holds that it should not, but for what was damaged on purpose. */
export function checkShared({ shared, injured }: FleetArena): string[] {
  if (!existsSync(shared)) return [];
  return checkStore(shared).filter((text) => ![...injured].some((digest) => text.includes(digest)));
}

/** Fingerprints that somebody runs or is about to: whatever is committed, these may be executed. */
export async function pending({ redis }: FleetArena): Promise<ReadonlySet<string>> {
  const keys = await redis.cli('keys', '*:t-*');
  return new Set([...keys.matchAll(/:t-([0-9a-f]{64})/g)].map(([, fingerprint = '']) => fingerprint));
}

/** A fleet with nothing to do comes to rest: no message, no process of a step, and no more keys than before. */
export async function checkRest(arena: FleetArena): Promise<string[]> {
  const until = performance.now() + REST_MS;
  for (;;) {
    const messages = (await arena.redis.cli('keys', '*:default:t*')).split('\n').filter((key) => key !== '');
    const attempts = arena.attempts();
    if (messages.length === 0 && attempts.length === 0) break;
    if (performance.now() > until)
      return [
        ...messages.map((key) => `F6 the message ${key} is still there`),
        ...attempts.map((pid) => `F5 process ${pid} of an attempt lives on`),
      ];
    await sleep(200);
  }
  const lasting = await arena.redis.cli('eval', LASTING, '0');
  const keys = lasting.split('\n').filter((key) => key !== '');
  return keys.length <= MOST_LASTING_KEYS
    ? []
    : [`F6 ${keys.length} keys that do not lapse: ${keys.join(' ')}`];
}

const LASTING = `local found = {}
for _, key in ipairs(redis.call('keys', '*')) do
  if redis.call('ttl', key) == -1 then found[#found + 1] = key end
end
return found`;

import { isQueueName } from '../core/fleet-names.ts';
import type { Settings } from '../core/plan.ts';
import type { QueueSettings } from '../core/queue-settings.ts';
import type { Scope } from './evaluate.ts';
import { durationMs, invalid, knownKeys, mapTree, wholeNumber } from './read-value.ts';
import type { Entry } from './tree.ts';

/**
 * The settings `queue_timeout:` and `queues:` of a profile: how long steps wait for workers, and how many go at once.
 *
 * @throws RecipeError VALUE_INVALID, KEY_UNKNOWN with a position
 */
export function readQueues(
  timeout: Entry | undefined,
  queues: Entry | undefined,
  scope: Scope,
): Pick<Settings, 'queueTimeoutMs' | 'queues'> {
  return {
    ...(timeout === undefined ? {} : { queueTimeoutMs: readTimeout(timeout, 'queue_timeout', scope) }),
    ...(queues === undefined ? {} : { queues: readEach(queues, scope) }),
  };
}

function readEach(entry: Entry, scope: Scope): Record<string, QueueSettings> {
  return Object.fromEntries(
    [...mapTree(entry.value, 'queues').entries].map(([name, { key, value }]) => {
      const what = `queues.${name}`;
      if (!isQueueName(name)) throw invalid(key, what, 'is no name of a queue: letters, digits, _ . -');
      const map = mapTree(value, what);
      knownKeys(map, what, ['timeout', 'concurrency']);
      const [timeout, concurrency] = ['timeout', 'concurrency'].map((one) => map.entries.get(one));
      return [
        name,
        {
          ...(timeout === undefined ? {} : { timeoutMs: readTimeout(timeout, `${what}.timeout`, scope) }),
          ...(concurrency === undefined
            ? {}
            : { concurrency: wholeNumber(concurrency.value, `${what}.concurrency`, scope, 1) }),
        },
      ];
    }),
  );
}

function readTimeout({ value }: Entry, what: string, scope: Scope): number {
  const ms = durationMs(value, what, scope);
  if (ms === 0) throw invalid(value.span, what, 'is not above 0');
  return ms;
}

import { isKeyPrefix, isRedisUrl } from '../core/fleet-names.ts';
import type { RedisSettings } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { invalid, knownKeys, mapTree, textValue } from './read-value.ts';
import { refusePassword } from './refuse-password.ts';
import { errorAt } from './source.ts';
import type { Entry } from './tree.ts';

/**
 * The setting `redis:` of a profile: where a fleet's queues are.
 *
 * @throws RecipeError VALUE_INVALID, PASSWORD_IN_PROFILE
 */
export function readRedis(entry: Entry | undefined, scope: Scope): RedisSettings {
  if (entry === undefined) return {};
  const map = mapTree(entry.value, 'redis');
  knownKeys(map, 'redis', ['url', 'prefix']);
  const [urlEntry, prefixEntry] = ['url', 'prefix'].map((key) => map.entries.get(key));
  return {
    ...(urlEntry === undefined ? {} : { url: readUrl(urlEntry, scope) }),
    ...(prefixEntry === undefined ? {} : { prefix: readPrefix(prefixEntry, scope) }),
  };
}

function readUrl(entry: Entry, scope: Scope): string {
  refusePassword('redis.url', entry);
  const text = textValue(entry.value, 'redis.url', scope);
  if (!isRedisUrl(text))
    throw invalid(entry.value.span, 'redis.url', 'is no address that begins with redis:// or rediss://');
  // Where it is put together from values.
  if (new URL(text).password !== '')
    throw errorAt(entry.value.span, 'PASSWORD_IN_PROFILE', { key: 'redis.url' });
  return text;
}

function readPrefix(entry: Entry, scope: Scope): string {
  const text = textValue(entry.value, 'redis.prefix', scope);
  if (!isKeyPrefix(text))
    throw invalid(entry.value.span, 'redis.prefix', 'is not letters, digits, _ . - alone');
  return text;
}

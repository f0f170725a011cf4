import { Redis, type RedisOptions } from 'ioredis';
import { isKeyPrefix, isRedisUrl } from '../../core/fleet-names.ts';
import { isUserReadable } from '../../core/is-user-readable.ts';
import type { RedisSettings } from '../../core/plan.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type { Clock } from '../../core/world.ts';
import { describeSkew, MOST_SKEW_MS, readRedisClock } from './redis-clock.ts';

/** Where the queues of a fleet are. */
export interface RedisAddress {
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** Without user and password, for messages. */
  readonly name: string;
}

/** The oldest that BullMQ is said to run well on. */
const LEAST = [6, 2] as const;
const MOST_WAIT_MS = 2000;

/**
 * The environment says it before the profile does.
 *
 * @throws RecipeError REDIS_UNKNOWN, REDIS_INVALID
 */
export function redisAddress(
  profile: RedisSettings,
  env: Readonly<Record<string, string | undefined>>,
): RedisAddress {
  const url = env['STOCKPOT_REDIS_URL'] || profile.url;
  if (url === undefined) throw new RecipeError('REDIS_UNKNOWN', undefined);
  if (!isRedisUrl(url))
    throw new RecipeError('REDIS_INVALID', {
      what: 'STOCKPOT_REDIS_URL',
      problem: 'does not begin with redis:// or rediss://',
    });
  const prefix = env['STOCKPOT_REDIS_PREFIX'] || (profile.prefix ?? 'stockpot');
  if (!isKeyPrefix(prefix))
    throw new RecipeError('REDIS_INVALID', {
      what: 'STOCKPOT_REDIS_PREFIX',
      problem: 'is not letters, digits, _ . - alone',
    });
  const parsed = new URL(url);
  if (!isUserReadable(parsed))
    throw new RecipeError('REDIS_INVALID', {
      what: 'STOCKPOT_REDIS_URL',
      problem: 'has a % in its user or password that stands for no character: write it as %25',
    });
  const { host, pathname } = parsed;
  return { url, prefix, name: `${host}${pathname === '/' ? '' : pathname}` };
}

/**
 * A connection that comes back by itself; a command is given up at once while there is none, or if it is lost before
 * the answer came: said again later, what Redis had done before it died would be done twice. With an offline queue,
 * as BullMQ and who subscribes need it, commands wait for the connection.
 */
export function openRedis({ url }: RedisAddress, options: Omit<RedisOptions, 'replyMapping'> = {}): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: options.enableOfflineQueue ? null : 0,
    enableOfflineQueue: false,
    keepAlive: 10_000,
    connectTimeout: 5000,
    // Whoever uses one says something more often: a peer that vanished is noticed.
    socketTimeout: 30_000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), MOST_WAIT_MS),
    ...options,
  });
  // Without a listener each lost connection would be a line on stderr; who needs it, sees it in `status`.
  redis.on('error', () => {});
  return redis;
}

/** What a server says of itself that a fleet depends on. */
export interface RedisFacts {
  readonly version: string;
  /** `maxmemory-policy`: what it throws away when it is full. */
  readonly policy: string;
  /** It writes an AOF. */
  readonly isLogged: boolean;
}

/**
 * Connects, and checks that this server can carry a fleet.
 *
 * @returns what should be different, though it works
 * @param isUnsafe goes on with one that throws keys away, or whose clock is another
 * @throws RecipeError REDIS_UNREACHABLE, REDIS_REFUSED, REDIS_TOO_OLD, REDIS_EVICTS, REDIS_CLOCK
 */
export async function enterRedis(
  redis: Redis,
  address: RedisAddress,
  { isUnsafe, clock }: { readonly isUnsafe: boolean; readonly clock: Clock },
): Promise<readonly string[]> {
  const facts = await connectRedis(redis, address);
  const { skewMs } = await readRedisClock(redis, clock, 1).catch((error: unknown) => {
    redis.disconnect();
    throw redisError(address, error);
  });
  const problem = [...unfitness(facts, address), ...clockProblems(skewMs, address)].find(
    ({ code }) => code === 'REDIS_TOO_OLD' || !isUnsafe,
  );
  if (problem !== undefined) {
    // A connection that nobody closes would keep the process.
    redis.disconnect();
    throw problem;
  }
  return facts.isLogged
    ? []
    : [`Redis at ${address.name} writes no AOF: a restart empties the queues, which costs time, never work`];
}

/**
 * Connects, and asks what is there.
 *
 * @throws RecipeError REDIS_UNREACHABLE, REDIS_REFUSED
 */
export async function connectRedis(redis: Redis, { name }: RedisAddress): Promise<RedisFacts> {
  const info = parseInfo(await firstInfo(redis, name));
  return {
    version: info.get('redis_version') ?? '',
    policy: info.get('maxmemory_policy') ?? 'noeviction',
    isLogged: info.get('aof_enabled') !== '0',
  };
}

/** Why a server cannot carry a fleet: REDIS_TOO_OLD, REDIS_EVICTS. */
export function unfitness({ version, policy }: RedisFacts, { name }: RedisAddress): readonly RecipeError[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1]);
  return [
    ...(isOld
      ? [new RecipeError('REDIS_TOO_OLD', { redis: name, found: version, least: LEAST.join('.') })]
      : []),
    ...(policy === 'noeviction' ? [] : [new RecipeError('REDIS_EVICTS', { redis: name, policy })]),
  ];
}

function clockProblems(skewMs: number, { name }: RedisAddress): readonly RecipeError[] {
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return [];
  return [new RecipeError('REDIS_CLOCK', { redis: name, skew: describeSkew(skewMs) })];
}

async function firstInfo(redis: Redis, name: string): Promise<string> {
  const refused = Promise.withResolvers<never>();
  const fail = (error: Error): void => refused.reject(error);
  redis.once('error', fail);
  try {
    return await Promise.race([redis.connect().then(() => redis.info()), refused.promise]);
  } catch (error) {
    redis.disconnect();
    throw redisError({ name }, error);
  } finally {
    redis.off('error', fail);
  }
}

/** What a server says that cannot be asked, or that does not let its user ask this. */
export function redisError({ name }: Pick<RedisAddress, 'name'>, error: unknown): RecipeError {
  const problem = error instanceof Error ? error.message : String(error);
  const isRefusal = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR AUTH)/.test(problem);
  return new RecipeError(
    isRefusal ? 'REDIS_REFUSED' : 'REDIS_UNREACHABLE',
    { redis: name, problem },
    { cause: error },
  );
}

/** `key:value` lines, as INFO gives them. */
function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon === -1 || line.startsWith('#')
        ? []
        : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

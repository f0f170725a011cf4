import type { Addresses, Plan, RedisSettings, RemoteSettings } from '../core/plan.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { FleetLink } from '../executors/fleet/fleet-link.ts';
import { openRedis, redisAddress, redisError } from '../executors/fleet/redis.ts';
import { type Check, checkOf } from './check.ts';
import { checkFleetCache } from './check-cache.ts';
import { checkDatabases } from './check-database.ts';
import { checkRedis } from './check-redis.ts';
import { checkServers } from './check-servers.ts';
import { checkWorkers } from './check-workers.ts';
import type { Context, Parsed } from './context.ts';
import { openRecipe } from './open-project.ts';

export interface FleetPlace {
  readonly projectDir: string;
  readonly home: string;
  readonly redis: RedisSettings;
  readonly remote: RemoteSettings;
  readonly addresses: Addresses;
}

/** `recipe doctor --fleet`: whether a run on the fleet would find all that it needs. */
export async function checkFleet(place: FleetPlace, parsed: Parsed, context: Context): Promise<Check[]> {
  const { plan, checks } = await planned(parsed, context);
  return [
    ...checks,
    ...(await checkQueues(place.redis, plan, context)),
    ...(await checkFleetCache(place.remote, place, context)),
    ...(await checkDatabases(place.addresses, context)),
    ...(await checkServers(place.addresses, context)),
  ];
}

/** The recipe whose queues are looked at. On a machine of workers there is none. */
async function planned(
  parsed: Parsed,
  context: Context,
): Promise<{ readonly plan: Plan | undefined; readonly checks: readonly Check[] }> {
  try {
    const { project, plan } = await openRecipe(parsed, context);
    await project[Symbol.asyncDispose]();
    if (plan.settings.executor === 'fleet') return { plan, checks: [] };
    const detail = `steps of ${plan.recipe} run on this machine`;
    const fix = 'Write `executor: fleet` into the profile, or name one that has it with -p.';
    return { plan, checks: [{ name: 'profile', ok: true, detail, fix }] };
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    if (parsed.args[0] !== undefined || !hasCode(error, 'RECIPE_NOT_FOUND'))
      return { plan: undefined, checks: [checkOf('recipe', error)] };
    const detail = 'none is named: its queues are not looked at';
    const fix = 'Say which in its project: `recipe doctor RECIPE --fleet`.';
    return { plan: undefined, checks: [{ name: 'recipe', ok: true, detail, fix }] };
  }
}

async function checkQueues(
  settings: RedisSettings,
  plan: Plan | undefined,
  { world }: Context,
): Promise<Check[]> {
  try {
    const address = redisAddress(settings, world.env);
    const redis = openRedis(address);
    try {
      const checks = await checkRedis(redis, address, world.clock);
      await using link = new FleetLink(redis, address, world.clock);
      return [...checks, ...(await checkWorkers(link, plan))];
    } catch (error) {
      if (error instanceof RecipeError) throw error;
      // It went while it was asked, or its user may not ask this.
      throw redisError(address, error);
    } finally {
      redis.disconnect();
    }
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return [checkOf('redis', error)];
  }
}

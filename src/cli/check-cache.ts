import { type NamedRemote, remoteSettings } from '../compose-link.ts';
import { keysAt, remoteAt } from '../compose-remote.ts';
import type { RemoteSettings } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { probeRecords } from '../store/remote/probe-records.ts';
import { probeRemote } from '../store/remote/probe-remote.ts';
import type { Remote } from '../store/remote/remote.ts';
import { type Check, checkOf } from './check.ts';
import { checkStoreClock } from './check-store-clock.ts';
import type { Context } from './context.ts';

interface Place {
  readonly projectDir: string;
  readonly home: string;
}

/** Whether the cache that machines share gives back what it takes, and to one of several the name of a result. */
export async function checkCache(
  profile: RemoteSettings,
  { projectDir, home }: Place,
  { world }: Context,
): Promise<Check[]> {
  const remote = remoteAt(profile, { projectDir, home, world });
  if (remote === undefined) return [];
  await using opened = remote;
  return [await probed(opened, home)];
}

/** The same, and what a fleet needs of it: that it is there, may be written, and keeps records of flights. */
export async function checkFleetCache(
  profile: RemoteSettings,
  place: Place,
  context: Context,
): Promise<Check[]> {
  const settings = remoteSettings(profile, place.home, context.world.env);
  if (settings === undefined) return [checkOf('remote', new RecipeError('FLEET_WITHOUT_CACHE', undefined))];
  try {
    return [...(await writable(settings, place, context)), keys(settings, place, context)];
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return [checkOf('remote', error)];
  }
}

async function writable(
  settings: NamedRemote,
  { projectDir, home }: Place,
  { world }: Context,
): Promise<Check[]> {
  // Nothing is put where nothing may be put.
  if (settings.readOnly === true)
    return [checkOf('remote', new RecipeError('FLEET_READ_ONLY', { remote: settings.address }))];
  const remote = remoteAt(settings, { projectDir, home, world });
  if (remote === undefined) return [];
  await using opened = remote;
  const check = await probed(opened, home);
  if (!check.ok)
    return [
      { ...check, fix: 'See that it is there and may be written, then ask again: a fleet waits for it.' },
    ];
  const started = world.clock.monotonic();
  const { problem, isExclusive } = await probeRecords(opened);
  const detail = problem ?? `written and read in ${(world.clock.monotonic() - started).toFixed(1)} ms`;
  const flights = { name: 'flights', ok: problem === undefined, detail };
  if (problem !== undefined) return [check, { ...flights, fix: recordsFix(settings.address) }];
  const clock = checkStoreClock(opened.name, world.clock);
  return isExclusive
    ? [check, { ...flights, detail: `${detail}; of several writers one wins` }, ...clock]
    : [
        check,
        {
          ...flights,
          detail: `${detail}; of several writers the last wins: a step may be begun twice`,
          fix: 'Use a store that knows conditional writes (docs/remote-cache.md).',
        },
        ...clock,
      ];
}

/** What lets a store that takes blobs and results take records of flights too. */
function recordsFix(address: string): string {
  if (/^https?:/.test(address))
    return 'Use `recipe server` of this version, a folder or a bucket: other servers keep no flights.';
  return address.startsWith('s3:')
    ? 'Allow s3:PutObject and s3:GetObject below flights/ there, and s3:ListBucket (docs/remote-cache.md).'
    : 'See that flights/ there is a folder that this machine may write.';
}

async function probed(remote: Remote, home: string): Promise<Check> {
  const { problem, isExclusive } = await probeRemote(remote, home);
  const detail = isExclusive
    ? 'blobs and results come back; of several writers one wins'
    : 'of several machines that finish a step at once the last one wins: two runs may go on with different outputs';
  return { name: 'remote', ok: problem === undefined, detail: `${remote.name}: ${problem ?? detail}` };
}

/** Whether this machine takes what it signs itself: it gives its key to others, who may list it no more than it does. */
function keys(settings: NamedRemote, { projectDir }: Place, { world }: Context): Check {
  const { accepts, own, acceptsOwn } = keysAt(settings, { projectDir, world });
  const taken = accepts === 'any' ? 'results by anybody' : `results by ${accepts.length} keys`;
  if (!acceptsOwn)
    return {
      name: 'keys',
      ok: false,
      detail: `takes ${taken}, and not by its own, ${own}`,
      fix: `Add ${own} to \`accept:\` of all that share the cache, or to STOCKPOT_ACCEPT.`,
    };
  const detail = `takes ${taken}; ${own === undefined ? 'signs nothing' : `signs as ${own}`}`;
  if (own === undefined && accepts !== 'any')
    return {
      name: 'keys',
      ok: true,
      detail,
      fix: 'Enough for a run; a worker needs a key of `recipe cache keygen` that `accept:` lists.',
    };
  return { name: 'keys', ok: true, detail };
}

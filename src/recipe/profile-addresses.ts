import type { Addresses, RedisSettings, RemoteSettings } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { FileReader } from './file-reader.ts';
import { Names } from './names.ts';
import { type Profile, readProfile } from './profile.ts';
import { readAddresses } from './read-addresses.ts';
import { readCache } from './read-cache.ts';
import { readRedis } from './read-redis.ts';
import { Source } from './source.ts';
import { mapOf } from './tree.ts';

/**
 * The addresses that a profile of a project names, for commands that have no recipe: of `profiles/NAME.yaml`,
 * or of `local` if there is one.
 *
 * @throws RecipeError PROFILE_NOT_FOUND and what is wrong in the file
 */
export function profileAddresses(projectDir: string, name: string | undefined): Addresses {
  const files = new FileReader(projectDir);
  const profile = readProfile(files, '.', name);
  return readAddresses(profile.settings, scopeOf(files, profile));
}

/** The shared cache that a profile of a project names. It fails as `profileAddresses` does. */
export function profileRemote(projectDir: string, name: string | undefined): RemoteSettings {
  const files = new FileReader(projectDir);
  const profile = readProfile(files, '.', name);
  return readCache(profile.settings?.entries.get('cache'), scopeOf(files, profile)).remote ?? {};
}

/** Where the queues of a fleet are, as a profile of a project says. It fails as `profileAddresses` does. */
export function profileFleet(projectDir: string, name: string | undefined): RedisSettings {
  const files = new FileReader(projectDir);
  const profile = readProfile(files, '.', name);
  return readRedis(profile.settings?.entries.get('redis'), scopeOf(files, profile));
}

function scopeOf(files: FileReader, { values, params, settings }: Profile): Scope {
  const nowhere = { source: new Source('', ''), start: 0, end: 0 };
  const none = mapOf([], settings?.span ?? nowhere);
  return new Names({ files, values, params: params ?? none, stepOf: () => undefined }).scope({});
}

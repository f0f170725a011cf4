import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RemoteSettings } from './core/plan.ts';
import type { World } from './core/world.ts';

/** Where `recipe cache link` writes down which cache a project shares, below the home. */
export const LINK_FILE = 'remote.json';

export type NamedRemote = RemoteSettings & { readonly address: string };

/**
 * What the environment, else the profile, else `recipe cache link` says of the cache that machines share;
 * undefined if there is none. It stands apart from what opens one, which most runs need not load.
 */
export function remoteSettings(
  profile: RemoteSettings,
  home: string,
  env: World['env'],
): NamedRemote | undefined {
  const named = env['STOCKPOT_REMOTE'] ?? profile.address;
  const settings = named === undefined ? { ...readLink(home), ...profile } : { ...profile, address: named };
  const { address } = settings;
  // Empty, the variable turns off what a profile says.
  return address === undefined || address === '' ? undefined : { ...settings, address };
}

/** What `recipe cache link` wrote down. */
export function readLink(home: string): RemoteSettings {
  const path = join(home, LINK_FILE);
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, 'utf8')) as RemoteSettings;
}

import type { RemoteSettings, Settings } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { booleanValue, invalid, knownKeys, mapTree, sizeBytes, textList, textValue } from './read-value.ts';
import { refusePassword } from './refuse-password.ts';
import { errorAt } from './source.ts';
import type { Entry, MapTree } from './tree.ts';

const KEYS = ['remote', 'endpoint', 'region', 'read_only', 'sign_with', 'accept', 'salt', 'max_size'];

/**
 * The setting `cache:` of a profile.
 *
 * @throws RecipeError VALUE_INVALID, REMOTE_WITHOUT_ACCEPT, PASSWORD_IN_PROFILE
 */
export function readCache(
  entry: Entry | undefined,
  scope: Scope,
): Pick<Settings, 'cacheMaxBytes' | 'salt' | 'remote'> {
  if (entry === undefined) return {};
  const map = mapTree(entry.value, 'cache');
  knownKeys(map, 'cache', KEYS);
  const size = map.entries.get('max_size');
  const salt = map.entries.get('salt');
  const remote = readRemote(map, scope);
  return {
    ...(size === undefined ? {} : { cacheMaxBytes: sizeBytes(size.value, 'cache.max_size', scope) }),
    ...(salt === undefined ? {} : { salt: textValue(salt.value, 'cache.salt', scope) }),
    ...(Object.keys(remote).length === 0 ? {} : { remote }),
  };
}

function readRemote({ entries }: MapTree, scope: Scope): RemoteSettings {
  const text = (key: string): string | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    refusePassword(key, entry);
    return textValue(entry.value, `cache.${key}`, scope);
  };
  const [address, endpoint, region, signWith] = ['remote', 'endpoint', 'region', 'sign_with'].map(text);
  const [remote, readOnly, accept] = ['remote', 'read_only', 'accept'].map((key) => entries.get(key));
  if (remote !== undefined && accept === undefined)
    throw errorAt(remote.key, 'REMOTE_WITHOUT_ACCEPT', { remote: address ?? '' });
  const accepted = accept === undefined ? undefined : textList(accept.value, 'cache.accept', scope);
  if (accept !== undefined && accepted?.length === 0)
    throw invalid(accept.value.span, 'cache.accept', 'lists no key');
  return {
    ...(address === undefined ? {} : { address }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(signWith === undefined ? {} : { signWith }),
    ...(readOnly === undefined ? {} : { readOnly: booleanValue(readOnly.value, 'cache.read_only', scope) }),
    ...(accepted === undefined ? {} : { accept: accepted }),
  };
}

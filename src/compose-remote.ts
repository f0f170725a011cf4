import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type NamedRemote, remoteSettings } from './compose-link.ts';
import type { RemoteSettings } from './core/plan.ts';
import { hasCode, RecipeError } from './core/recipe-error.ts';
import type { World } from './core/world.ts';
import { FolderRemote } from './store/remote/folder-remote.ts';
import { httpFromEnvironment } from './store/remote/http-environment.ts';
import type { Remote } from './store/remote/remote.ts';
import { type Near, RemoteCache } from './store/remote/remote-cache.ts';
import { s3FromEnvironment } from './store/remote/s3-environment.ts';
import { type Accepted, acceptedKeys, accepts, Signer } from './store/remote/signing.ts';
import type { Store } from './store/store.ts';

export interface RemoteContext {
  readonly projectDir: string;
  readonly world: World;
  readonly near: () => Near & Pick<Store, 'layout'>;
  /** See `RemoteCacheOptions`. */
  readonly retryAfterMs?: number;
  readonly onWarning: (message: string) => void;
}

/**
 * The cache that machines share, as these settings name it.
 *
 * @throws RecipeError REMOTE_WITHOUT_ACCEPT, REMOTE_INVALID, REMOTE_WITHOUT_KEYS, REMOTE_WITHOUT_REGION,
 *   SIGNING_KEY_INVALID, ACCEPTED_KEY_INVALID
 */
export function openRemote(settings: NamedRemote, context: RemoteContext): RemoteCache {
  const { projectDir, world, near, retryAfterMs, onWarning } = context;
  const remote = remoteOf(settings, context);
  return new RemoteCache(remote, near(), {
    accepted: acceptedBy(remote.name, settings, world.env),
    signer: signerOf(settings, projectDir, world.env),
    readOnly: settings.readOnly ?? false,
    now: () => world.clock.now(),
    retryAfterMs,
    onWarning,
  });
}

/** The remote alone, for who wants to look at it. */
export function remoteAt(
  profile: RemoteSettings,
  { projectDir, home, world }: Pick<RemoteContext, 'projectDir' | 'world'> & { readonly home: string },
): Remote | undefined {
  const settings = remoteSettings(profile, home, world.env);
  return settings === undefined ? undefined : remoteOf(settings, { projectDir, world });
}

/** Whose results a machine takes, and as whom it signs its own. */
export interface Keys {
  readonly accepts: 'any' | readonly string[];
  /** Public; undefined if it signs nothing. */
  readonly own: string | undefined;
  readonly acceptsOwn: boolean;
}

/**
 * The keys that go with a shared cache.
 *
 * @throws RecipeError REMOTE_WITHOUT_ACCEPT, REMOTE_INVALID, SIGNING_KEY_INVALID, ACCEPTED_KEY_INVALID
 */
export function keysAt(
  settings: NamedRemote,
  { projectDir, world }: Pick<RemoteContext, 'projectDir' | 'world'>,
): Keys {
  const accepted = acceptedBy(settings.address, settings, world.env);
  const own = signerOf(settings, projectDir, world.env)?.publicKey;
  return {
    accepts: accepted === 'any' ? 'any' : [...accepted.keys()],
    own,
    acceptsOwn: own === undefined || accepts(accepted, own),
  };
}

function remoteOf(
  settings: NamedRemote,
  {
    projectDir,
    world,
    near,
  }: Pick<RemoteContext, 'projectDir' | 'world'> & Partial<Pick<RemoteContext, 'near'>>,
): Remote {
  const { address } = settings;
  const scheme = schemeOf(address);
  if (scheme === 's3') {
    const layout = near === undefined ? undefined : () => near().layout;
    return s3FromEnvironment(address, world, { ...settings, layout });
  }
  if (scheme === 'https' || scheme === 'http') return httpFromEnvironment(address, world);
  return new FolderRemote(resolve(projectDir, address), () => world.clock.now());
}

/**
 * Undefined: it is a folder.
 *
 * @throws RecipeError REMOTE_INVALID
 */
export function schemeOf(address: string): 's3' | 'https' | 'http' | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address)?.[1];
  if (scheme === undefined || scheme === 's3' || scheme === 'https' || scheme === 'http') return scheme;
  throw new RecipeError('REMOTE_INVALID', {
    remote: address,
    problem: `${scheme} is no way to a shared cache that this version knows`,
  });
}

function acceptedBy(address: string, { accept }: RemoteSettings, env: World['env']): Accepted {
  const keys = env['STOCKPOT_ACCEPT']?.split(',').map((key) => key.trim()) ?? accept;
  if (keys === undefined) throw new RecipeError('REMOTE_WITHOUT_ACCEPT', { remote: address });
  return acceptedKeys(keys);
}

function signerOf({ signWith }: RemoteSettings, projectDir: string, env: World['env']): Signer | undefined {
  const key = env['STOCKPOT_SIGNING_KEY'];
  if (key !== undefined) return new Signer(key);
  if (signWith === undefined) return undefined;
  const path = resolve(projectDir, signWith);
  try {
    return new Signer(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EACCES')) throw error;
    throw new RecipeError('REMOTE_INVALID', {
      remote: path,
      problem: 'the file of the signing key cannot be read',
    });
  }
}

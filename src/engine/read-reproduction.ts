import { type Digest, isDigest } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { hasTree } from '../store/has-tree.ts';
import type { Store } from '../store/store.ts';
import { readTree } from '../store/trees.ts';
import type { RegisteredVersion, Registry } from './registry-port.ts';
import { REPRODUCTION_FILE, REPRODUCTION_TAG, type Reproduction } from './reproduction.ts';

/**
 * The reproduction of a registered version. Its bytes are in the store then.
 *
 * @throws RecipeError REPRODUCTION_UNKNOWN, REPRODUCTION_ELSEWHERE, REFERENCE_UNREACHABLE
 */
export async function readReproduction(
  version: RegisteredVersion,
  registry: Registry,
  store: Store,
): Promise<Reproduction> {
  const model = `${version.name}/${version.version}`;
  const digest = version.tags[REPRODUCTION_TAG] as Digest | undefined;
  if (digest === undefined || !isDigest(digest)) throw new RecipeError('REPRODUCTION_UNKNOWN', { model });
  if (!hasTree(store.blobs, digest)) await registry.bringReproduction?.(version);
  if (!hasTree(store.blobs, digest)) throw new RecipeError('REPRODUCTION_ELSEWHERE', { model });
  const file = readTree(store.blobs, digest).files.find(({ path }) => path === REPRODUCTION_FILE);
  if (file === undefined) throw new RecipeError('REPRODUCTION_UNKNOWN', { model });
  return JSON.parse(store.blobs.read(file.digest).toString('utf8')) as Reproduction;
}

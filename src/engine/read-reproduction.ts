import type { Digest } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
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
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest))
    throw new RecipeError('REPRODUCTION_UNKNOWN', { model });
  if (!isHere(store, digest)) await registry.bringReproduction?.(version);
  if (!isHere(store, digest)) throw new RecipeError('REPRODUCTION_ELSEWHERE', { model });
  const file = readTree(store.blobs, digest).files.find(({ path }) => path === REPRODUCTION_FILE);
  if (file === undefined) throw new RecipeError('REPRODUCTION_UNKNOWN', { model });
  return JSON.parse(store.blobs.read(file.digest).toString('utf8')) as Reproduction;
}

/** Whether a folder and its files are in the store, with the sizes that they had. */
function isHere({ blobs }: Store, tree: Digest): boolean {
  if (blobs.size(tree) === undefined) return false;
  try {
    return readTree(blobs, tree).files.every(({ digest, size }) => blobs.has(digest, size));
  } catch (error) {
    if (error instanceof BlobDamaged) return false;
    throw error;
  }
}

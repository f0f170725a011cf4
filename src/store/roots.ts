import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import { BlobDamaged, type Blobs, syncFolder, writeDurably } from './blobs.ts';
import { digestOf } from './hash.ts';
import type { Store } from './store.ts';
import { readTree } from './trees.ts';

/**
 * Pins blobs against gc under `name`, in the store itself and apart for each home, so that projects that
 * share a store never collect each other's models. Written, and on the disk, before the row that needs it.
 */
export async function pin(
  store: Pick<Store, 'layout'>,
  home: string,
  name: string,
  blobs: readonly { digest: Digest; kind: OutputKind }[],
): Promise<void> {
  const path = pinPath(store, home, name);
  const dir = dirname(path);
  mkdirSync(dir, { recursive: true });
  const temporary = join(dir, `.${randomUUID()}`);
  const lines = blobs.map(({ digest, kind }) => `${digest} ${kind}\n`).join('');
  await writeDurably(temporary, Buffer.from(lines), 0o644, () => failpoint('pin.before-rename'));
  renameSync(temporary, path);
  failpoint('pin.after-rename');
  await syncFolder(dir);
}

/** Takes a pin away; none of that name is fine. */
export function unpin(store: Pick<Store, 'layout'>, home: string, name: string): void {
  rmSync(pinPath(store, home, name), { force: true });
}

/** Takes the pins of a name away, whatever homes they were made for. */
export function unpinInAllHomes({ layout }: Pick<Store, 'layout'>, name: string): void {
  if (!existsSync(layout.roots)) return;
  for (const home of readdirSync(layout.roots)) rmSync(join(layout.roots, home, name), { force: true });
}

export function isPinned(store: Pick<Store, 'layout'>, home: string, name: string): boolean {
  return existsSync(pinPath(store, home, name));
}

/** Pins what tracked runs show. The set names its pin: one that is pinned already costs nothing. */
export async function pinTracked(
  store: Store,
  home: string,
  blobs: readonly { digest: Digest; kind: OutputKind }[],
): Promise<void> {
  if (blobs.length === 0) return;
  const sorted = blobs.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const name = `tracked-${digestOf(sorted.map(({ digest }) => digest).join('\n')).slice(0, 32)}`;
  if (!isPinned(store, home, name)) await pin(store, home, name, sorted);
}

function pinPath({ layout }: Pick<Store, 'layout'>, home: string, name: string): string {
  return join(layout.roots, digestOf(home).slice(0, 16), name);
}

/** Everything that is pinned, files of folders included. */
export function pinnedDigests(store: Store): Set<Digest> {
  const digests = new Set<Digest>();
  const { roots } = store.layout;
  if (!existsSync(roots)) return digests;
  for (const home of readdirSync(roots))
    for (const name of readdirSync(join(roots, home))) {
      // Being written, or left by a process that died then.
      if (name.startsWith('.')) continue;
      for (const line of readFileSync(join(roots, home, name), 'utf8').split('\n')) {
        const [digest = '', kind = 'file'] = line.split(' ');
        if (digest === '') continue;
        digests.add(digest as Digest);
        if (isTree(kind as OutputKind))
          for (const file of treeDigests(store.blobs, digest as Digest)) digests.add(file);
      }
    }
  return digests;
}

/** Files of a folder's tree; none if the tree itself is lost. */
function treeDigests(blobs: Blobs, digest: Digest): Digest[] {
  try {
    return readTree(blobs, digest).files.map((file) => file.digest);
  } catch (error) {
    if (error instanceof BlobDamaged) return [];
    throw error;
  }
}

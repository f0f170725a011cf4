import type { Project } from './compose.ts';
import type { Digest } from './core/ids.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { Submission } from './engine/submission-port.ts';
import type { Mended } from './store/remote/mend-blobs.ts';
import type { RemoteCache } from './store/remote/remote-cache.ts';
import type { Store } from './store/store.ts';
import { readTree } from './store/trees.ts';

/** Code is small, and `./` inputs may be large: what is larger is not read back unless something is wrong. */
const READ_BYTES = 1 << 20;

/** What became of a snapshot in the shared cache of that name. */
export type MendedSnapshot = Mended & { readonly place: string };

/** Whether a run waits, as what it needs was damaged or removed. */
export function isLost({ state, note }: Submission): boolean {
  return state === 'running' && note?.startsWith('SNAPSHOT_LOST') === true;
}

/**
 * Puts a snapshot there, and in the place of what is damaged there.
 *
 * @param isDoubted files of any size are read back; else large ones are compared by their size
 * @returns undefined: it is away
 */
export async function sendSnapshot(
  shared: RemoteCache,
  { blobs }: Store,
  { snapshot, isDoubted }: { readonly snapshot: Digest; readonly isDoubted: boolean },
): Promise<Mended | undefined> {
  if ((await blobs.verify(snapshot)) !== 'ok') await shared.bring([snapshot]);
  const isListed = blobs.size(snapshot) !== undefined;
  const files = isListed ? readTree(blobs, snapshot).files.map(({ digest }) => digest) : [];
  return shared.mend([snapshot, ...files], isDoubted ? Infinity : READ_BYTES);
}

/**
 * Sends there again what the shared cache has lost of a submitted run and this machine has. Undefined: there is no shared
 * cache that could be written, or it is away, of which is warned.
 */
export async function mendSnapshot(
  project: Project,
  { settings, snapshot, remote }: Submission,
  onWarning: (message: string) => void,
): Promise<MendedSnapshot | undefined> {
  if (remote === undefined) return undefined;
  try {
    const { profileRemote } = await import('./recipe/profile-addresses.ts');
    await using shared = await project.sharedAt(profileRemote(project.dir, settings.profile), onWarning);
    if (shared === undefined || shared.isReadOnly) return undefined;
    const what = { snapshot: snapshot as Digest, isDoubted: true };
    const mended = await sendSnapshot(shared, project.store, what);
    return mended === undefined ? undefined : { ...mended, place: shared.remote.name };
  } catch (error) {
    // The profile may have changed since.
    if (!(error instanceof RecipeError)) throw error;
    onWarning(`what the run needs was not looked for in its shared cache: ${error.message}`);
    return undefined;
  }
}

/** For people: what of a snapshot was sent again, or is lost. */
export function describeMended({ sent, lost, place }: MendedSnapshot): string {
  if (lost.length === 0)
    return sent.length === 1
      ? `1 file of the run was missing or damaged in ${place}, and is there again`
      : `${sent.length} files of the run were missing or damaged in ${place}, and are there again`;
  const what = lost.length === 1 ? '1 file of the run is' : `${lost.length} files of the run are`;
  return `${what} missing or damaged in ${place}, and this machine has no copy of that: attach from the machine that submitted it, or submit it again where its files are`;
}

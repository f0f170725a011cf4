import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { Database } from '../db/sql.ts';
import { diskError } from '../store/disk-error.ts';
import type { Store } from '../store/store.ts';
import { FilesInFolder, OWN_FOLDER } from './files-in-folder.ts';
import { requireArtifactsFolder } from './shared-files.ts';

export interface ArtifactsFolder {
  /** Made if it is not there; undefined: clients' files lie in the store. */
  readonly dir: string | undefined;
  /** Files and folders of the server's own: nobody is to read them as artifacts. */
  readonly own: readonly string[];
  readonly database: Database;
  readonly store: Pick<Store, 'blobs' | 'layout'>;
  readonly now: number;
}

/**
 * The folder that clients' files lie in, by the server's database and none other.
 *
 * @throws RecipeError ARTIFACTS_ELSEWHERE, USAGE, and what the disk says
 */
export async function openArtifactsFolder({
  dir,
  own,
  database,
  store,
  now,
}: ArtifactsFolder): Promise<FilesInFolder | undefined> {
  if (dir === undefined) {
    await requireArtifactsFolder(database, undefined);
    return undefined;
  }
  const real = madeFolder(dir);
  const inside = own.find((path) => existsSync(path) && isWithin(real, realpathSync(path)));
  if (inside !== undefined)
    throw new RecipeError('USAGE', {
      problem: `the folder of artifacts ${dir} holds ${inside} of the server: choose one for artifacts alone`,
      command: 'server',
    });
  const files = new FilesInFolder({ dir: real, store });
  await files.tidy(now);
  await requireArtifactsFolder(database, { dir: real, own: OWN_FOLDER });
  return files;
}

function madeFolder(dir: string): string {
  try {
    mkdirSync(dir, { recursive: true });
    return realpathSync(dir);
  } catch (error) {
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOTDIR'))
      throw new RecipeError('USAGE', { problem: `${dir} is no folder`, command: 'server' }, { cause: error });
    throw diskError(error, dir);
  }
}

/** Whether a path is a folder, or lies in it. */
function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../');
}

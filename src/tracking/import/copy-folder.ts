import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../core/recipe-error.ts';
import { digestFile } from '../../store/hash.ts';
import { MlflowError } from '../mlflow/mlflow-error.ts';
import type { ImportTarget } from './import-target.ts';
import { isElsewhere, localFolder } from './local-folder.ts';

/** How many files are copied at once: each waits for the disk. */
const AT_ONCE = 8;

export interface FolderToCopy {
  /** Where the source says that its files are. */
  readonly location: string;
  readonly base: string;
  /** The folder among the artifacts here; undefined if they stay elsewhere. */
  readonly to: string | undefined;
  /** How the location ends if it is where the experiment's own leads clients of this server. */
  readonly expected: string | undefined;
  /** Whose files they are, for what is found wrong. */
  readonly name: string;
}

/** Copies the files of a local folder; gives how many were not there. Links are not followed. */
export async function copyFolder(target: ImportTarget, folder: FolderToCopy): Promise<number> {
  const { artifacts, findings } = target;
  const { location, base, to, expected, name } = folder;
  if (isElsewhere(location)) {
    if (expected === undefined || !location.endsWith(`/${expected}`))
      findings.add('changed', 'files in another store than that of the experiment are not found here', name);
    return 0;
  }
  if (artifacts === undefined || location === '') return 0;
  const from = localFolder(location, { base, proxied: artifacts.proxied });
  if (from === undefined || to === undefined) {
    findings.add('skipped', 'files whose folder is not known: say it with --artifacts', name);
    return 0;
  }
  const pending = (await filesBelow(target, from, name)).values();
  let copied = 0;
  const work = async (): Promise<void> => {
    for (const path of pending)
      if (await copyFile(target, join(from, path), `${to}/${path}`, name)) copied += 1;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return copied;
}

/** Paths of the files below a folder that may not be there. */
async function filesBelow({ findings }: ImportTarget, dir: string, name: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => {
      const path = join(entry.parentPath, entry.name).slice(dir.length).replace(/^\/+/, '');
      if (entry.isFile()) return [path];
      if (!entry.isDirectory())
        findings.add('skipped', 'link or device among the artifacts', `${name}: ${path}`);
      return [];
    });
  } catch (error) {
    // Most runs have no artifacts, and MLflow makes the folder with the first.
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return [];
    if (hasCode(error, 'EACCES')) {
      findings.add('skipped', 'files that cannot be read', `${name}: ${dir}`);
      return [];
    }
    throw error;
  }
}

async function copyFile(
  { database, files, findings }: ImportTarget,
  from: string,
  to: string,
  name: string,
): Promise<boolean> {
  const row = await database.read((sql) => sql.get('SELECT digest FROM files WHERE path = ?', to));
  try {
    if (row === undefined) {
      await files.put(to, createReadStream(from));
      return true;
    }
    if ((await digestFile(from, (await stat(from)).size)) !== row['digest'])
      findings.add('conflict', 'a file of the same path is another here', to);
  } catch (error) {
    if (hasCode(error, 'EACCES')) findings.add('skipped', 'files that cannot be read', `${name}: ${from}`);
    else if (error instanceof MlflowError)
      findings.add('skipped', 'file whose name is none here', `${name}: ${from}`);
    else throw error;
  }
  return false;
}

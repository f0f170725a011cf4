import { readFileSync, statSync } from 'node:fs';
import { REPRODUCTION_FILE } from '../../engine/reproduction.ts';
import type { Tree } from '../../store/trees.ts';

/** A list of files is short; what is longer is some file's bytes. */
const MAX_LIST = 64 * 1024 * 1024;

/** Whether a file is the list of a reproduction's folder, as a tag says that anybody may set. */
export function isReproduction(path: string): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size > MAX_LIST) return false;
  try {
    const { files } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Tree>;
    return Array.isArray(files) && (files as Tree['files']).some((file) => file.path === REPRODUCTION_FILE);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}

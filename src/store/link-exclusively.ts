import { linkSync, lstatSync } from 'node:fs';
import { hasCode } from '../core/recipe-error.ts';

/** Gives a finished file a second name, which nobody may have had before; false if somebody has. */
export function linkExclusively(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    // NFS may report EEXIST for a link it did make.
    return lstatSync(temporary).nlink === 2;
  }
}

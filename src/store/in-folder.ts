import { mkdirSync } from 'node:fs';
import { dirname, parse } from 'node:path';
import { hasCode } from '../core/recipe-error.ts';

/**
 * Makes a folder, and those that it lies in, down from `base`, which is there: a share that is no longer mounted is not made.
 * Gives whether it was not there.
 *
 * @throws ENOENT if `base` is not there
 */
export function makeFolder(dir: string, base: string): boolean {
  try {
    mkdirSync(dir);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    if (!hasCode(error, 'ENOENT') || dir === base || dirname(dir) === base) throw error;
  }
  makeFolder(dirname(dir), base);
  makeFolder(dir, dirname(dir));
  return true;
}

/** Does what needs a folder, and makes that if it turns out not to be there: mostly it is. */
export function inFolder(dir: string, work: () => void, base: string = parse(dir).root): void {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolder(dir, base);
    work();
  }
}

import { mkdirSync } from 'node:fs';
import { hasCode } from '../core/recipe-error.ts';

/** Does what needs a folder, and makes that if it turns out not to be there: mostly it is. */
export function inFolder(dir: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    mkdirSync(dir, { recursive: true });
    work();
  }
}

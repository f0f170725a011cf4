import { unlinkSync } from 'node:fs';
import { hasCode } from '../core/recipe-error.ts';

/** Takes a name of a file away, if it is there. For each step: `rmSync`, which looks what it is, takes twice as long. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

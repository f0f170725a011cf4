import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProject } from '../recipe/address.ts';

/**
 * The project that a folder lies in; a folder without a recipe, where `recipe track` or `recipe server` has
 * been, is one too.
 */
export function trackedDir(cwd: string): string | undefined {
  return findProject(cwd) ?? (existsSync(join(cwd, '.stockpot')) ? cwd : undefined);
}

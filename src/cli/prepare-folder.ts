import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecipeError } from '../core/recipe-error.ts';

/**
 * Makes the folder that a model is made again in. One that the same reproduction was laid out in before may
 * be used again, without anything that was cached in it.
 *
 * @throws RecipeError REPRODUCTION_FOLDER_TAKEN
 */
export function prepareFolder(dir: string, reproduction: string): void {
  const home = join(dir, '.stockpot');
  const mark = join(home, 'reproduction');
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    if (!existsSync(mark) || readFileSync(mark, 'utf8') !== reproduction)
      throw new RecipeError('REPRODUCTION_FOLDER_TAKEN', { dir });
    rmSync(home, { recursive: true });
  }
  mkdirSync(home, { recursive: true });
  writeFileSync(mark, reproduction);
}

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RecipeError } from '../core/recipe-error.ts';
import { byBytes } from '../store/trees.ts';

/**
 * All files below a folder of the project, in byte order; a link counts as what it points to.
 *
 * @throws RecipeError LINK_BROKEN for one that points nowhere or back up to where it lies.
 */
export function walkProject(projectDir: string, folder: string): { path: string; name: string }[] {
  const found: { path: string; name: string }[] = [];
  visit(resolve(projectDir, folder), '', [], found);
  return found
    .toSorted((a, b) => byBytes(a.name, b.name))
    .map(({ name }) => ({ path: `${folder}/${name}`, name }));
}

function visit(
  root: string,
  dir: string,
  above: readonly string[],
  found: { path: string; name: string }[],
): void {
  const absolute = join(root, dir);
  const real = realpathSync(absolute);
  if (above.includes(real))
    throw new RecipeError('LINK_BROKEN', { path: absolute, problem: 'leads back to its own folder' });
  for (const entry of readdirSync(absolute, { withFileTypes: true })) {
    const name = dir === '' ? entry.name : `${dir}/${entry.name}`;
    const stats = entry.isSymbolicLink() ? statSync(join(root, name), { throwIfNoEntry: false }) : entry;
    if (stats === undefined)
      throw new RecipeError('LINK_BROKEN', { path: join(root, name), problem: 'points to nothing' });
    if (stats.isDirectory()) visit(root, name, [...above, real], found);
    else if (stats.isFile()) found.push({ path: name, name });
  }
}

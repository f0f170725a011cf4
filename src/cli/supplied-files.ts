import { resolve } from 'node:path';
import { RecipeError } from '../core/recipe-error.ts';
import type { Reproduction } from '../engine/reproduction.ts';

/**
 * Files that `--input PATH=FILE` gives for what a version does not keep, by path or reference.
 *
 * @throws RecipeError USAGE for a path that the model was not made from.
 */
export function suppliedFiles(
  options: readonly string[],
  { files, references }: Reproduction,
  cwd: string,
): Map<string, string> {
  // A path may hold `=`, as addresses do.
  const paths = [...files.map(({ path }) => path), ...references.map(({ reference }) => reference)];
  return new Map(
    options.map((option) => {
      const text = option.replace(/^\.\//, '');
      const path = paths.find((one) => text.startsWith(`${one}=`));
      if (path === undefined)
        throw new RecipeError('USAGE', {
          problem: `--input ${option} is not PATH=FILE with a path that the model was made from`,
          command: 'reproduce',
        });
      return [path, resolve(cwd, text.slice(path.length + 1))];
    }),
  );
}

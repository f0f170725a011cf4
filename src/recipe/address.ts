import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { hasCode, RecipeError } from '../core/recipe-error.ts';

/** `RECIPE[:STEP[@axis=value][.OUTPUT]]`, taken apart; the recipe is still as written. */
export interface Address {
  readonly recipe: string | undefined;
  readonly step: string | undefined;
  readonly output: string | undefined;
}

export function parseAddress(text: string | undefined): Address {
  if (text === undefined || text === '') return { recipe: undefined, step: undefined, output: undefined };
  const colon = text.indexOf(':');
  if (colon === -1) return { recipe: text, step: undefined, output: undefined };
  const rest = text.slice(colon + 1);
  const dot = rest.lastIndexOf('.');
  // A cell may hold dots, as in `fit@lr=0.1`: an output begins with a letter.
  const hasOutput = dot > 0 && /^[a-z][a-z0-9_-]*$/.test(rest.slice(dot + 1));
  return {
    recipe: text.slice(0, colon) || undefined,
    step: (hasOutput ? rest.slice(0, dot) : rest) || undefined,
    output: hasOutput ? rest.slice(dot + 1) : undefined,
  };
}

/** Where a recipe lies. */
export interface RecipeLocation {
  readonly projectDir: string;
  readonly name: string;
  /** Project-relative. */
  readonly file: string;
}

/**
 * Finds a recipe by path or name from `cwd`. The project is the nearest folder above that holds
 * `recipes/`, else `recipe.yaml`.
 *
 * @throws RecipeError RECIPE_NOT_FOUND
 */
export function locateRecipe(recipe: string | undefined, cwd: string): RecipeLocation {
  if (recipe !== undefined && (recipe.includes('/') || /\.ya?ml$/.test(recipe))) {
    const path = resolve(cwd, recipe);
    const file = /\.ya?ml$/.test(path) ? path : join(path, 'recipe.yaml');
    if (!existsSync(file))
      throw new RecipeError('RECIPE_NOT_FOUND', { recipe, dir: cwd, known: knownRecipes(cwd) });
    const projectDir = findProject(dirname(file)) ?? dirname(file);
    return { projectDir, name: nameOf(file), file: relative(projectDir, file) };
  }
  const projectDir = findProject(cwd);
  if (projectDir === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: recipe ?? '', dir: cwd, known: [] });
  const known = knownRecipes(projectDir);
  const own = existsSync(join(projectDir, 'recipe.yaml'));
  if (recipe === undefined) {
    if (own) return { projectDir, name: basename(projectDir), file: 'recipe.yaml' };
    const inside = known.find((name) => `${cwd}/`.startsWith(`${join(projectDir, 'recipes', name)}/`));
    const only = inside ?? (known.length === 1 ? known[0] : undefined);
    if (only === undefined) throw new RecipeError('RECIPE_NOT_FOUND', { recipe: '', dir: projectDir, known });
    return { projectDir, name: only, file: `recipes/${only}/recipe.yaml` };
  }
  if (own && recipe === basename(projectDir)) return { projectDir, name: recipe, file: 'recipe.yaml' };
  if (!known.includes(recipe))
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe, dir: projectDir, known, hasOwn: own });
  return { projectDir, name: recipe, file: `recipes/${recipe}/recipe.yaml` };
}

/** The nearest folder at or above `dir` that holds `recipes/`, else the nearest that holds `recipe.yaml`. */
export function findProject(dir: string): string | undefined {
  return (
    climb(dir, (at) => knownRecipes(at).length > 0) ?? climb(dir, (at) => existsSync(join(at, 'recipe.yaml')))
  );
}

function climb(dir: string, test: (dir: string) => boolean): string | undefined {
  for (let at = resolve(dir); ; at = dirname(at)) {
    if (test(at)) return at;
    if (at === dirname(at)) return undefined;
  }
}

function knownRecipes(projectDir: string): string[] {
  const dir = join(projectDir, 'recipes');
  return namesIn(dir)
    .filter((name) => !name.startsWith('.') && existsSync(join(dir, name, 'recipe.yaml')))
    .toSorted();
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || hasCode(error, 'EACCES')) return [];
    throw error;
  }
}

function nameOf(file: string): string {
  return basename(file, '.yaml') === 'recipe'
    ? basename(dirname(file))
    : basename(file).replace(/\.ya?ml$/, '');
}

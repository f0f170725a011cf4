import { RecipeError } from '../core/recipe-error.ts';
import { evaluate } from './evaluate.ts';
import { parseYaml } from './parse-yaml.ts';
import { EMPTY_SCOPE } from './profile.ts';
import { Source } from './source.ts';
import type { Entry, MapTree, Tree } from './tree.ts';
import { mapOf } from './tree.ts';

/** One `-S path=value`, taken apart. The value is YAML, as it would stand in the file. */
export interface SetOption {
  readonly path: readonly string[];
  readonly entry: Entry;
  readonly argument: string;
}

/** @throws RecipeError SET_INVALID, YAML_INVALID */
export function parseSetOption(argument: string): SetOption {
  const equals = argument.indexOf('=');
  const path = argument.slice(0, equals).split('.');
  if (equals < 1 || path.some((part) => !/^[A-Za-z_][\w@=,+-]*$/.test(part)))
    throw new RecipeError('SET_INVALID', { argument, problem: 'it is not path=value' });
  const text = argument.slice(equals + 1);
  const source = new Source(`--set ${argument.slice(0, equals)}`, text);
  const tree: Tree = parseYaml(source) ?? {
    kind: 'scalar',
    value: '',
    written: '',
    span: { source, start: 0, end: 0 },
  };
  evaluate(tree, EMPTY_SCOPE);
  return { path, entry: { key: tree.span, value: tree }, argument };
}

/** `tree` with the value put at its path; maps on the way are made where they lack. */
export function applySet(tree: MapTree, path: readonly string[], entry: Entry): MapTree {
  const [key = '', ...rest] = path;
  const entries = new Map(tree.entries);
  if (rest.length === 0) entries.set(key, entry);
  else {
    const below = tree.entries.get(key)?.value;
    const map = below?.kind === 'map' ? below : mapOf([], entry.key);
    entries.set(key, { key: tree.entries.get(key)?.key ?? entry.key, value: applySet(map, rest, entry) });
  }
  return { ...tree, entries };
}

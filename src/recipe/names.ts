import type { Json, JsonObject } from '../core/json.ts';
import { evaluate, type Found, originOf, type Scope, TICK_AT } from './evaluate.ts';
import type { FileReader } from './file-reader.ts';
import { invalid } from './read-value.ts';
import { errorAt, type Span } from './source.ts';
import { type Entry, type MapTree, mapOf, overlay, type Tree } from './tree.ts';
import { problemOf, ValueBudget } from './value-budget.ts';

/** Values that refer to values that refer to values …: as many as anyone means. */
const MAX_CHAIN = 64;

export interface NamesOptions {
  readonly files: FileReader;
  /** Of the profile and of `-S`, in upper case. */
  readonly values: ReadonlyMap<string, Entry>;
  readonly params: MapTree;
  /** Nominal instant of the tick that this is for, in milliseconds since the Unix epoch. */
  readonly tickAt?: number | undefined;
  /** `steps.NAME.KEY` */
  readonly stepOf: (name: string) => { readonly tree: MapTree; readonly flat: boolean } | undefined;
}

/** What the expressions of a recipe may name. Each value is worked out once. */
export class Names {
  readonly #options: NamesOptions;
  readonly #budget = new ValueBudget();
  readonly #evaluating = new Set<string>();
  readonly #json = new Map<string, Json>();
  /** Names of the profile that came up. */
  readonly used = new Set<string>();

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  get params(): MapTree {
    return this.#options.params;
  }

  /** @param keyTrees where the keys of the recipe stand that it has itself */
  scope(recipeKeys: JsonObject, keyTrees: ReadonlyMap<string, Entry> = new Map()): Scope {
    const { values, params } = this.#options;
    const known = new Map<Tree, Found>();
    const scope: Scope = {
      lookUp: (path) => {
        const found = this.#lookUp(path, recipeKeys, scope, known);
        const key = path[0] === 'recipe' ? keyTrees.get(path[1] ?? '') : undefined;
        return found?.kind === 'value' && key !== undefined
          ? { ...found, origin: originOf(key.value, scope) }
          : found;
      },
      names: () => [
        ...values.keys(),
        ...[...params.entries.keys()].map((name) => `params.${name}`),
        ...Object.keys(recipeKeys).map((name) => `recipe.${name}`),
      ],
      readJson: (path, from) => this.#readJson(path, from),
      spend: (value) => this.#budget.spend(value),
    };
    return scope;
  }

  #lookUp(
    path: readonly string[],
    recipeKeys: JsonObject,
    scope: Scope,
    known: Map<Tree, Found>,
  ): Found | undefined {
    const [first = '', ...rest] = path;
    const within = (tree: MapTree, keys: readonly string[], name: string): Found | undefined =>
      this.#within(tree, keys, { scope, known, name });
    if (first === 'params') return within(this.#options.params, rest, `params.${rest[0] ?? ''}`);
    if (first === 'recipe') return valueWithin(recipeKeys, rest);
    if (path.join('.') === TICK_AT) return this.#tick();
    if (first === 'steps') {
      const [name = '', ...key] = rest;
      const step = this.#options.stepOf(name);
      const given = step?.tree.entries.get('with')?.value;
      const tree = step?.flat === false && given?.kind === 'map' ? overlay(step.tree, given) : step?.tree;
      return tree === undefined || key.length === 0 ? undefined : within(tree, key, path.join('.'));
    }
    const entry = this.#options.values.get(first);
    if (entry === undefined) return undefined;
    this.used.add(first);
    return within(mapOf([[first, entry]], entry.key), path, first);
  }

  #tick(): Found | undefined {
    const { tickAt } = this.#options;
    if (tickAt === undefined) return undefined;
    return { kind: 'value', value: new Date(tickAt).toISOString().replace('.000Z', 'Z') };
  }

  /** A value inside a tree. */
  #within(
    tree: MapTree,
    path: readonly string[],
    { scope, known, name }: { scope: Scope; known: Map<Tree, Found>; name: string },
  ): Found | undefined {
    const [key = '', ...rest] = path;
    const entry = tree.entries.get(key);
    if (entry === undefined) return undefined;
    if (rest.length > 0 && entry.value.kind === 'map')
      return this.#within(entry.value, rest, { scope, known, name: `${name}.${rest[0]}` });
    let found = known.get(entry.value);
    if (found === undefined) {
      found = this.#valueOf(entry.value, scope, name);
      known.set(entry.value, found);
    }
    if (rest.length === 0 || found.kind === 'symbol') return found;
    const inner = valueWithin(found.value, rest);
    return inner === undefined ? undefined : { ...found, ...inner };
  }

  /** The value of a tree, its own expressions worked out; one that leads back to itself is an error. */
  #valueOf(tree: Tree, scope: Scope, name: string): Found {
    if (this.#evaluating.has(name)) throw invalid(tree.span, name, 'refers to itself');
    if (this.#evaluating.size >= MAX_CHAIN)
      throw invalid(tree.span, name, `is at the end of more than ${MAX_CHAIN} references`);
    this.#evaluating.add(name);
    try {
      const value = evaluate(tree, scope);
      const written = tree.kind === 'scalar' && tree.parts === undefined ? tree.written : undefined;
      return {
        kind: 'value',
        value,
        origin: originOf(tree, scope),
        ...(written === undefined || written === '' ? {} : { written }),
      };
    } finally {
      this.#evaluating.delete(name);
    }
  }

  #readJson(path: string, from: Span): Json {
    const { files } = this.#options;
    const known = this.#json.get(path);
    if (known !== undefined) return known;
    const isInside = !path.startsWith('/') && !path.split('/').includes('..') && files.isFile(path);
    const source = isInside ? files.read(path) : undefined;
    if (source === undefined) throw invalid(from, path, 'is no file of the project');
    let value: Json;
    try {
      value = JSON.parse(source.text) as Json;
    } catch (cause) {
      throw errorAt(from, 'VALUE_INVALID', { what: path, problem: 'is not JSON' }, { cause });
    }
    const problem = problemOf(value);
    if (problem !== undefined) throw invalid(from, path, problem);
    this.#json.set(path, value);
    return value;
  }
}

/** The names of a cell of a matrix beside all others. */
export function withMatrix(scope: Scope, axes: JsonObject): Scope {
  return {
    ...scope,
    lookUp: (path, from) =>
      path[0] === 'matrix' ? valueWithin(axes, path.slice(1)) : scope.lookUp(path, from),
    names: () => [...scope.names(), ...Object.keys(axes).map((axis) => `matrix.${axis}`)],
  };
}

function valueWithin(value: Json, path: readonly string[]): Found | undefined {
  let at: Json | undefined = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key))
      return undefined;
    at = (at as JsonObject)[key];
  }
  return at === undefined ? undefined : { kind: 'value', value: at };
}

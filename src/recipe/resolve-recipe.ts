import { basename, dirname } from 'node:path';
import { isStepName, type StepName } from '../core/ids.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Plan, PlanWarning } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { buildStep, type StepDraft } from './build-step.ts';
import { ComponentBook, type Describe } from './component-book.ts';
import { TOP_KEYS } from './engine-keys.ts';
import { evaluate, type Found, type Scope } from './evaluate.ts';
import { type Asked, FileReader } from './file-reader.ts';
import { type BuiltCells, joinSteps } from './join-steps.ts';
import { expandMatrix } from './matrix.ts';
import { nearest } from './nearest.ts';
import { parseYaml } from './parse-yaml.ts';
import { type Profile, readProfile, readSettings } from './profile.ts';
import { invalid, mapTree, textValue, wholeNumber } from './read-value.ts';
import { applySet, parseSetOption, type SetOption } from './set-option.ts';
import { errorAt, positionOf } from './source.ts';
import { checkKey, readTemplate, type Template } from './template.ts';
import { type Entry, type MapTree, mapOf, overlay, treeOf } from './tree.ts';

export interface ResolveRequest {
  readonly projectDir: string;
  /** Project-relative: `recipes/flight-delay/recipe.yaml`. */
  readonly file: string;
  /** `flight-delay` */
  readonly name: string;
  readonly profile?: string | undefined;
  /** `-S` options, in order. */
  readonly set: readonly string[];
  /** Folder of the shipped components. */
  readonly shippedDir: string;
  /** Folder of the shipped templates. */
  readonly templatesDir: string;
  readonly describe: Describe;
}

export interface Resolved {
  readonly plan: Plan;
  /** The plan holds as long as all of this would be answered the same. */
  readonly asked: readonly Asked[];
}

const DEFAULT_MATRIX_LIMIT = 1000;

/** Works a recipe out: text and files in, plan out. Everything wrong with them is found here. */
export function resolveRecipe(request: ResolveRequest): Resolved {
  const files = new FileReader(request.projectDir);
  const source = files.read(request.file);
  if (source === undefined)
    throw new RecipeError('RECIPE_NOT_FOUND', { recipe: request.name, dir: request.projectDir, known: [] });
  const tree = parseYaml(source);
  if (tree === undefined)
    throw errorAt({ source, start: 0, end: 1 }, 'YAML_INVALID', {
      file: source.file,
      problem: 'it is empty',
    });
  const recipe = mapTree(tree, 'the recipe');
  const profile = readProfile(files, dirname(request.file), request.profile);
  const resolver = new Resolver(request, files, recipe, profile);
  return { plan: resolver.plan(), asked: files.asked };
}

class Resolver {
  readonly #request: ResolveRequest;
  readonly #files: FileReader;
  readonly #profile: Profile;
  readonly #top: MapTree;
  readonly #template: Template | undefined;
  readonly #drafts: ReadonlyMap<string, StepDraft>;
  readonly #params: MapTree;
  readonly #values: ReadonlyMap<string, Entry>;
  readonly #used = new Set<string>();
  readonly #evaluating = new Set<string>();

  constructor(request: ResolveRequest, files: FileReader, recipe: MapTree, profile: Profile) {
    this.#request = request;
    this.#files = files;
    this.#profile = profile;
    const sets = request.set.map(parseSetOption);
    const isValue = ({ path }: SetOption): boolean =>
      path[0] === 'params' || /^[A-Z][A-Z0-9_]*$/.test(path[0] ?? '');
    this.#values = new Map([
      ...profile.values,
      ...sets
        .filter(({ path }) => /^[A-Z]/.test(path[0] ?? ''))
        .map(({ path, entry }) => [path[0] ?? '', entry] as const),
    ]);
    this.#params = paramsOf(recipe, profile, sets);
    this.#template = this.#readTemplate(recipe);
    const written = this.#withWholeSteps(recipe);
    let top = this.#withTemplate(written);
    for (const option of sets.filter((option) => !isValue(option))) top = this.#applySet(top, option);
    this.#top = top;
    this.#drafts = this.#readDrafts(written);
  }

  plan(): Plan {
    const { name, file } = this.#request;
    this.#checkTop();
    const base = this.#scope({});
    const recipeKeys = this.#recipeKeys(base);
    const scope = this.#scope(recipeKeys);
    const seed = this.#read('seed', (entry) => wholeNumber(entry.value, 'seed', scope)) ?? 0;
    const limit =
      this.#read('matrix_limit', (entry) => wholeNumber(entry.value, 'matrix_limit', scope, 1)) ??
      DEFAULT_MATRIX_LIMIT;
    const settings = readSettings(this.#profile.settings, base);
    const experiment =
      settings.experiment ?? this.#read('experiment', (entry) => textValue(entry.value, 'experiment', scope));
    const components = new ComponentBook(
      this.#files,
      this.#request.shippedDir,
      () => this.#shippedNames(),
      this.#request.describe,
    );
    const built = [...this.#drafts.values()].map((draft): BuiltCells => {
      const matrix = draft.tree.entries.get('matrix');
      const cells =
        matrix === undefined
          ? [{ name: '', axes: {} }]
          : expandMatrix(matrix.value, draft.name, limit, scope);
      return {
        name: draft.name as StepName,
        span: draft.span,
        hasMatrix: matrix !== undefined,
        cells: cells.map((cell) => ({
          cell,
          built: buildStep(
            draft,
            matrix === undefined ? scope : this.#withMatrix(scope, cell.axes),
            seed,
            components,
          ),
        })),
      };
    });
    const steps = joinSteps(built);
    return {
      v: 1,
      recipe: name,
      file,
      ...(this.#template === undefined ? {} : { template: this.#template.name }),
      ...(this.#profile.name === undefined ? {} : { profile: this.#profile.name }),
      seed,
      ...(experiment === undefined ? {} : { experiment }),
      recipeKeys,
      settings,
      steps,
      warnings: this.#warnings(),
    };
  }

  #readTemplate(recipe: MapTree): Template | undefined {
    // `recipe:` is MLflow's spelling.
    const entry = recipe.entries.get('template') ?? recipe.entries.get('recipe');
    if (entry === undefined) return undefined;
    const name = textValue(entry.value, 'template', this.#scope({}));
    return readTemplate(this.#files, this.#request.templatesDir, name, entry.value.span);
  }

  /** A step may be one expression, as in MLflow's `ingest: {{ INGEST_CONFIG }}`: its value takes its place. */
  #withWholeSteps(recipe: MapTree): MapTree {
    const steps = recipe.entries.get('steps');
    if (steps?.value.kind !== 'map') return recipe;
    const entries = [...steps.value.entries].map(([name, entry]): [string, Entry] => {
      const { value } = entry;
      if (value.kind !== 'scalar' || value.parts === undefined) return [name, entry];
      return [name, { key: entry.key, value: treeOf(evaluate(value, this.#scope({})), value.span) }];
    });
    const whole = { key: steps.key, value: mapOf(entries, steps.value.span) };
    return { ...recipe, entries: new Map([...recipe.entries, ['steps', whole]]) };
  }

  /** The recipe's steps laid over the template's, by name: values refine, `uses` or `run` replaces. */
  #withTemplate(recipe: MapTree): MapTree {
    const own = recipe.entries.get('steps');
    if (this.#template === undefined) return recipe;
    const merged = new Map(this.#template.steps.entries);
    if (own !== undefined && !(own.value.kind === 'scalar' && own.value.value === null))
      for (const [name, entry] of mapTree(own.value, 'steps').entries) {
        const base = merged.get(name)?.value;
        const isEmpty = entry.value.kind === 'scalar' && entry.value.value === null;
        merged.set(
          name,
          base?.kind !== 'map' || isEmpty
            ? isEmpty && base !== undefined
              ? { key: entry.key, value: base }
              : entry
            : { key: entry.key, value: refine(base, mapTree(entry.value, `the step ${name}`)) },
        );
      }
    const steps = mapOf(merged, own?.value.span ?? recipe.span);
    return {
      ...recipe,
      entries: new Map([...recipe.entries, ['steps', { key: own?.key ?? recipe.span, value: steps }]]),
    };
  }

  #applySet(top: MapTree, { path, entry, argument }: SetOption): MapTree {
    const [first = '', second = ''] = path;
    const steps = top.entries.get('steps')?.value;
    const known =
      first === 'steps' ? (steps?.kind === 'map' ? [...steps.entries.keys()] : []) : this.#topKeys();
    if (first === 'steps' && (path.length < 3 || !known.includes(second))) {
      const near = nearest(second, known);
      throw new RecipeError('SET_INVALID', {
        argument,
        problem: `there is no step ${second}${near === undefined ? '' : `; did you mean ${near}?`}`,
      });
    }
    if (first !== 'steps' && !known.includes(first)) {
      const near = nearest(first, [...known, 'params', 'steps', ...this.#values.keys()]);
      throw new RecipeError('SET_INVALID', {
        argument,
        problem: `the recipe has no ${first}${near === undefined ? '' : `; did you mean ${near}?`}`,
      });
    }
    return applySet(top, path, entry);
  }

  #readDrafts(recipe: MapTree): Map<string, StepDraft> {
    const entry = this.#top.entries.get('steps');
    if (entry === undefined) throw errorAt(recipe.span, 'KEY_MISSING', { key: 'steps', where: 'The recipe' });
    const own = recipe.entries.get('steps')?.value;
    const drafts = new Map<string, StepDraft>();
    for (const [name, { key, value }] of mapTree(entry.value, 'steps').entries) {
      if (!isStepName(name))
        throw invalid(key, `the step ${name}`, 'is no name: a lower-case letter, then a-z, 0-9, _ and -');
      const ownStep = own?.kind === 'map' ? own.entries.get(name)?.value : undefined;
      const isReplaced =
        ownStep?.kind === 'map' && (ownStep.entries.has('uses') || ownStep.entries.has('run'));
      const flat = this.#template?.steps.entries.has(name) === true && !isReplaced;
      drafts.set(name, { name, tree: mapTree(value, `the step ${name}`), span: key, flat });
    }
    return drafts;
  }

  #recipeKeys(scope: Scope): JsonObject {
    if (this.#template === undefined) return {};
    const keys: Record<string, Json> = {};
    for (const key of Object.keys(this.#template.keys)) {
      const entry = this.#top.entries.get(key);
      const value = entry === undefined ? undefined : evaluate(entry.value, scope);
      keys[key] = checkKey(this.#template, key, value, entry?.value, this.#top.span);
    }
    return keys;
  }

  #topKeys(): string[] {
    return [...TOP_KEYS, ...Object.keys(this.#template?.keys ?? {})];
  }

  #checkTop(): void {
    const known = this.#topKeys();
    for (const [key, entry] of this.#top.entries) {
      if (key === 'model_registry')
        throw errorAt(entry.key, 'NOT_IN_THIS_VERSION', { what: '`model_registry:`' });
      if (!known.includes(key))
        throw errorAt(entry.key, 'KEY_UNKNOWN', {
          key,
          where: 'The recipe',
          known,
          near: nearest(key, known),
        });
    }
  }

  #read<T>(key: string, read: (entry: Entry) => T): T | undefined {
    const entry = this.#top.entries.get(key);
    return entry === undefined ? undefined : read(entry);
  }

  #scope(recipeKeys: JsonObject): Scope {
    const scope: Scope = {
      lookUp: (path) => this.#lookUp(path, recipeKeys, scope),
      names: () => [
        ...this.#values.keys(),
        ...[...this.#params.entries.keys()].map((name) => `params.${name}`),
        ...Object.keys(recipeKeys).map((name) => `recipe.${name}`),
      ],
      readJson: (path, from) => {
        const source =
          path.startsWith('/') || path.split('/').includes('..') ? undefined : this.#files.read(path);
        if (source === undefined) throw invalid(from, path, 'is no file of the project');
        try {
          return JSON.parse(source.text) as Json;
        } catch (cause) {
          throw errorAt(from, 'VALUE_INVALID', { what: path, problem: 'is not JSON' }, { cause });
        }
      },
    };
    return scope;
  }

  #withMatrix(scope: Scope, axes: JsonObject): Scope {
    return {
      ...scope,
      lookUp: (path, from) => (path[0] === 'matrix' ? within(axes, path.slice(1)) : scope.lookUp(path, from)),
      names: () => [...scope.names(), ...Object.keys(axes).map((axis) => `matrix.${axis}`)],
    };
  }

  #lookUp(path: readonly string[], recipeKeys: JsonObject, scope: Scope): Found | undefined {
    const [first = '', ...rest] = path;
    if (first === 'params') return this.#within(this.#params, rest, scope, `params.${rest[0] ?? ''}`);
    if (first === 'recipe') return within(recipeKeys, rest);
    if (first === 'steps') {
      const [name = '', ...key] = rest;
      const draft = this.#drafts.get(name);
      const given = draft?.tree.entries.get('with')?.value;
      const tree = draft?.flat === false && given?.kind === 'map' ? overlay(draft.tree, given) : draft?.tree;
      return tree === undefined || key.length === 0
        ? undefined
        : this.#within(tree, key, scope, path.join('.'));
    }
    const entry = this.#values.get(first);
    if (entry === undefined) return undefined;
    this.#used.add(first);
    return this.#within(mapOf([[first, entry]], entry.key), path, scope, first);
  }

  /** A value inside a tree, its own expressions worked out; one that leads back to itself is an error. */
  #within(tree: MapTree, path: readonly string[], scope: Scope, name: string): Found | undefined {
    const [key = '', ...rest] = path;
    const entry = tree.entries.get(key);
    if (entry === undefined) return undefined;
    if (rest.length > 0 && entry.value.kind === 'map')
      return this.#within(entry.value, rest, scope, `${name}.${rest[0]}`);
    if (rest.length > 0) return within({ value: evaluate(entry.value, scope) }, ['value', ...rest]);
    if (this.#evaluating.has(name)) throw invalid(entry.value.span, name, 'refers to itself');
    this.#evaluating.add(name);
    try {
      const value = evaluate(entry.value, scope);
      const written =
        entry.value.kind === 'scalar' && entry.value.parts === undefined ? entry.value.written : undefined;
      return { kind: 'value', value, ...(written === undefined || written === '' ? {} : { written }) };
    } finally {
      this.#evaluating.delete(name);
    }
  }

  #shippedNames(): string[] {
    const found = this.#files.glob(`${this.#request.shippedDir}/*/component.yaml`);
    return found.map((path) => basename(dirname(path)));
  }

  #warnings(): PlanWarning[] {
    const unused = [...this.#profile.values].filter(([name]) => !this.#used.has(name));
    const warnings: PlanWarning[] = unused.map(([name, { key }]) => ({
      message: `${key.source.file}: ${name} is not used by this recipe`,
      at: positionOf(key),
    }));
    for (const { tree, name } of this.#drafts.values())
      if (tree.entries.has('queue'))
        warnings.push({ message: `the step ${name} names a queue, which a local run ignores` });
    return warnings;
  }
}

function paramsOf(recipe: MapTree, profile: Profile, sets: readonly SetOption[]): MapTree {
  const own = recipe.entries.get('params')?.value;
  let params = own === undefined ? mapOf([], recipe.span) : mapTree(own, 'params');
  if (profile.params !== undefined) params = overlay(params, profile.params);
  for (const { path, entry } of sets)
    if (path[0] === 'params' && path.length > 1) params = applySet(params, path.slice(1), entry);
  return params;
}

/** A step's own keys over the template's. Its own `uses` or `run` leaves only what it takes. */
function refine(base: MapTree, own: MapTree): MapTree {
  const replaced = own.entries.has('uses') || own.entries.has('run');
  const kept = replaced
    ? mapOf(
        [...base.entries].filter(([key]) => key === 'inputs'),
        base.span,
      )
    : base;
  const entries = [...own.entries].map(([key, entry]): [string, Entry] => {
    const below = kept.entries.get(key)?.value;
    const merges = !replaced && below?.kind === 'map' && entry.value.kind === 'map' && key !== 'matrix';
    return [key, merges ? { key: entry.key, value: overlay(below, entry.value) } : entry];
  });
  return overlay(kept, mapOf(entries, own.span));
}

function within(value: Json, path: readonly string[]): Found | undefined {
  let at: Json | undefined = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key))
      return undefined;
    at = (at as JsonObject)[key];
  }
  return at === undefined ? undefined : { kind: 'value', value: at };
}

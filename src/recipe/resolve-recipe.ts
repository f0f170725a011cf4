import { basename, dirname } from 'node:path';
import { isStepName, type StepName } from '../core/ids.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Plan, PlanWarning } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { buildStep, type StepDraft } from './build-step.ts';
import { ComponentBook, type Describe } from './component-book.ts';
import { TOP_KEYS } from './engine-keys.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { type Asked, FileReader } from './file-reader.ts';
import { type BuiltCells, joinSteps } from './join-steps.ts';
import { expandMatrix } from './matrix.ts';
import { Names, withMatrix } from './names.ts';
import { nearest } from './nearest.ts';
import { type Origin, originsOf } from './origins.ts';
import { parseYaml } from './parse-yaml.ts';
import { isValueName, LATER_SETTINGS, type Profile, readProfile, readSettings } from './profile.ts';
import { invalid, mapTree, textValue, wholeNumber } from './read-value.ts';
import { applySet, parseSetOption, type SetOption } from './set-option.ts';
import { errorAt, positionOf, Source } from './source.ts';
import { checkKey, readTemplate, type Template } from './template.ts';
import { type Entry, type MapTree, mapOf, overlay, treeOf } from './tree.ts';

export interface ResolveRequest {
  readonly projectDir: string;
  /** Project-relative: `recipes/flight-delay/recipe.yaml`. */
  readonly file: string;
  /** `flight-delay` */
  readonly name: string;
  readonly profile?: string | undefined;
  /** Nominal instant of the tick of a schedule that this is for, in milliseconds since the Unix epoch. */
  readonly tickAt?: number | undefined;
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
  /** Where each of its values came from. */
  readonly origins: () => Origin[];
}

const DEFAULT_MATRIX_LIMIT = 1000;
/** More cells in all than this are a mistake, and more than memory holds. */
const MAX_STEPS = 100_000;

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
  const plan = resolver.plan();
  return { plan, asked: files.asked, origins: () => resolver.origins(plan) };
}

class Resolver {
  readonly #request: ResolveRequest;
  readonly #files: FileReader;
  readonly #profile: Profile;
  readonly #top: MapTree;
  readonly #template: Template | undefined;
  #drafts: ReadonlyMap<string, StepDraft> = new Map();
  #built: readonly BuiltCells[] = [];
  readonly #values: ReadonlyMap<string, Entry>;
  readonly #names: Names;

  constructor(request: ResolveRequest, files: FileReader, recipe: MapTree, profile: Profile) {
    this.#request = request;
    this.#files = files;
    this.#profile = profile;
    const sets = request.set.map(parseSetOption);
    for (const { path, argument } of sets)
      if (path[0] === 'params' && path.length === 1)
        throw new RecipeError('SET_INVALID', { argument, problem: 'it does not say which parameter' });
    const isValue = ({ path }: SetOption): boolean => path[0] === 'params' || isValueName(path[0] ?? '');
    this.#values = valuesOf(profile, sets);
    this.#names = new Names({
      files,
      values: this.#values,
      params: paramsOf(recipe, profile, sets),
      tickAt: request.tickAt,
      stepOf: (name) => this.#drafts.get(name),
    });
    this.#template = this.#readTemplate(recipe);
    const written = this.#withWholeSteps(recipe);
    let top = this.#withTemplate(written);
    for (const option of sets.filter((option) => !isValue(option))) top = this.#applySet(top, option);
    this.#top = top;
    this.#checkTop();
    this.#drafts = this.#readDrafts(written);
  }

  plan(): Plan {
    const { name, file } = this.#request;
    const base = this.#scope({});
    const recipeKeys = this.#recipeKeys(base);
    const scope = this.#scope(recipeKeys, this.#top.entries);
    const seed = this.#read('seed', (entry) => wholeNumber(entry.value, 'seed', scope)) ?? 0;
    const limit =
      this.#read('matrix_limit', (entry) => wholeNumber(entry.value, 'matrix_limit', scope, 1, MAX_STEPS)) ??
      DEFAULT_MATRIX_LIMIT;
    const settings = readSettings(this.#profile.settings, base, (recipe) => this.#findRecipe(recipe));
    const experiment =
      settings.experiment ?? this.#read('experiment', (entry) => textValue(entry.value, 'experiment', scope));
    const components = new ComponentBook(
      this.#files,
      this.#request.shippedDir,
      () => this.#shippedNames(),
      this.#request.describe,
    );
    let count = 0;
    const built = [...this.#drafts.values()].map((draft): BuiltCells => {
      const matrix = draft.tree.entries.get('matrix');
      const cells =
        matrix === undefined
          ? [{ name: '', axes: {} }]
          : expandMatrix(matrix.value, draft.name, limit, scope);
      count += cells.length;
      if (count > MAX_STEPS)
        throw invalid(draft.span, `the step ${draft.name}`, `makes more than ${MAX_STEPS} steps and cells`);
      return {
        name: draft.name as StepName,
        span: draft.span,
        hasMatrix: matrix !== undefined,
        cells: cells.map((cell) => ({
          cell,
          built: buildStep(
            draft,
            matrix === undefined ? scope : withMatrix(scope, cell.axes),
            seed,
            components,
          ),
        })),
      };
    });
    const steps = joinSteps(built);
    this.#built = built;
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
      warnings: [...this.#warnings(), ...unlimited(steps, settings), ...ignoredQueues(steps, settings)],
    };
  }

  origins(plan: Plan): Origin[] {
    const { settings } = this.#profile;
    return originsOf({
      plan,
      drafts: this.#drafts,
      built: this.#built,
      top: this.#top,
      params: this.#names.params,
      values: [...this.#values].filter(([name]) => this.#names.used.has(name)),
      settings,
      scope: this.#scope(plan.recipeKeys, this.#top.entries),
    });
  }

  #readTemplate(recipe: MapTree): Template | undefined {
    // `recipe:` is MLflow's spelling.
    const both = recipe.entries.has('template') ? recipe.entries.get('recipe') : undefined;
    if (both !== undefined) throw invalid(both.key, 'recipe', 'says the same as template: leave one out');
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
    const isDeclared = (key: string): boolean => Object.hasOwn(this.#template?.keys ?? {}, key);
    for (const [key, entry] of this.#top.entries) {
      const isLater = key === 'model_registry' || (LATER_SETTINGS as readonly string[]).includes(key);
      if (!isDeclared(key) && isLater)
        throw errorAt(entry.key, 'NOT_IN_THIS_VERSION', { what: `\`${key}:\`` });
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

  #scope(recipeKeys: JsonObject, keyTrees?: ReadonlyMap<string, Entry>): Scope {
    return this.#names.scope(recipeKeys, keyTrees);
  }

  /** Reads it, so that a snapshot of this recipe has it, too. */
  #findRecipe(name: string): true | readonly string[] {
    const { projectDir } = this.#request;
    if (name === basename(projectDir) && this.#files.read('recipe.yaml') !== undefined) return true;
    if (/^[^/.][^/]*$/.test(name) && this.#files.read(`recipes/${name}/recipe.yaml`) !== undefined)
      return true;
    return this.#files.glob('recipes/*/recipe.yaml').map((path) => basename(dirname(path)));
  }

  #shippedNames(): string[] {
    const found = this.#files.glob(`${this.#request.shippedDir}/*/component.yaml`);
    return found.map((path) => basename(dirname(path)));
  }

  #warnings(): PlanWarning[] {
    const unused = [...this.#profile.values].filter(([name]) => !this.#names.used.has(name));
    const warnings: PlanWarning[] = unused.map(([name, { key }]) => ({
      message: `${key.source.file}: ${name} is not used by this recipe`,
      at: positionOf(key),
    }));
    return warnings;
  }
}

/** A profile's names, with what `-S NAME=…` and `-S NAME.key=…` say. */
function valuesOf(profile: Profile, sets: readonly SetOption[]): ReadonlyMap<string, Entry> {
  let values = mapOf(profile.values, { source: new Source('', ''), start: 0, end: 0 });
  for (const { path, entry } of sets) if (isValueName(path[0] ?? '')) values = applySet(values, path, entry);
  return values.entries;
}

/** A limit that the profile does not have holds nothing back: most likely its name is misspelt. */
function unlimited(steps: Plan['steps'], settings: Plan['settings']): PlanWarning[] {
  const names = new Set(steps.flatMap(({ limits }) => limits));
  return [...names]
    .filter((name) => !Object.hasOwn(settings.limits, name))
    .map((name) => ({
      message: `the limit ${name} is not among the profile's limits, so it holds nothing back`,
    }));
}

function paramsOf(recipe: MapTree, profile: Profile, sets: readonly SetOption[]): MapTree {
  const own = recipe.entries.get('params')?.value;
  let params = own === undefined ? mapOf([], recipe.span) : mapTree(own, 'params');
  if (profile.params !== undefined) params = overlay(params, profile.params);
  for (const { path, entry } of sets)
    if (path[0] === 'params') params = applySet(params, path.slice(1), entry);
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

function ignoredQueues(steps: Plan['steps'], { executor }: Plan['settings']): PlanWarning[] {
  if (executor === 'fleet') return [];
  const names = new Set(steps.filter(({ queue }) => queue !== undefined).map(({ name }) => name));
  return [...names].map((name) => ({ message: `the step ${name} names a queue, which a local run ignores` }));
}

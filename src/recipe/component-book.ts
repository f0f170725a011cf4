import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { ComponentManifest } from '../core/component.ts';
import { isStepName } from '../core/ids.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { evaluate } from './evaluate.ts';
import type { FileReader } from './file-reader.ts';
import { nearest } from './nearest.ts';
import { newAjv } from './new-ajv.ts';
import { parseYaml } from './parse-yaml.ts';
import { EMPTY_SCOPE } from './profile.ts';
import { isBelow, projectPath } from './project-path.ts';
import { errorAt, type Span } from './source.ts';
import type { MapTree, Tree } from './tree.ts';

/** What `uses:` names. */
export interface Component {
  /** `ingest`, or `./steps/clean.ts`. */
  readonly name: string;
  readonly shipped: boolean;
  /** Absent for a file that says nothing of itself: what it takes and gives, the recipe says. */
  readonly manifest: ComponentManifest | undefined;
  /** Why a module that should have described itself did not. */
  readonly problem?: string;
  /** Project-relative, of one's own. */
  readonly entry: string;
  readonly runtime: 'node' | 'python' | 'exec';
}

/** What a module of the project says of itself when it is loaded. */
export type Described =
  | {
      /** All files it is made of, project-relative. */
      readonly files: readonly string[];
      /** Its manifest; null if it exports no step. */
      readonly manifest: Json;
    }
  | { readonly files: readonly string[]; readonly problem: string };

export type Describe = (entry: string) => Described;

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly 'x-input'?: string;
  readonly 'x-file'?: boolean;
}

/** Reads components, each once, and checks configurations against their schemas. */
export class ComponentBook {
  readonly #files: FileReader;
  readonly #shippedDir: string;
  readonly #shippedNames: () => readonly string[];
  readonly #describe: Describe;
  readonly #components = new Map<string, Component>();
  readonly #checks = new Map<ComponentManifest, ValidateFunction>();
  #validator: Ajv2020 | undefined;

  constructor(
    files: FileReader,
    shippedDir: string,
    shippedNames: () => readonly string[],
    describe: Describe,
  ) {
    this.#files = files;
    this.#shippedDir = shippedDir;
    this.#shippedNames = shippedNames;
    this.#describe = describe;
  }

  get #ajv(): Ajv2020 {
    this.#validator ??= newAjv({ useDefaults: true, strict: false, allErrors: false, verbose: true });
    return this.#validator;
  }

  /** @throws RecipeError COMPONENT_NOT_FOUND, COMPONENT_INVALID */
  get(name: string, span: Span): Component {
    let found = this.#components.get(name);
    if (found === undefined) {
      found = name.startsWith('./') ? this.#own(name, span) : this.#shipped(name, span);
      this.#components.set(name, found);
    }
    return found;
  }

  isFile(path: string): boolean {
    return this.#files.isFile(path);
  }

  /** Keys of the configuration whose value is a reference, with the input that it becomes. */
  referenceKeys({ manifest }: Component): Map<string, string> {
    return new Map(
      Object.entries((manifest?.config as SchemaNode | undefined)?.properties ?? {}).flatMap(
        ([key, schema]) => (schema['x-input'] === undefined ? [] : [[key, schema['x-input']] as const]),
      ),
    );
  }

  fileKeys({ manifest }: Component): string[] {
    return Object.entries((manifest?.config as SchemaNode | undefined)?.properties ?? {})
      .filter(([, schema]) => schema['x-file'] === true)
      .map(([key]) => key);
  }

  /**
   * The configuration with defaults filled in.
   *
   * @param trees where each top-level value stands
   * @param keys where each top-level key stands
   * @throws RecipeError KEY_UNKNOWN, KEY_MISSING, VALUE_INVALID at the key's place
   */
  checkConfig(
    component: Component,
    config: JsonObject,
    trees: ReadonlyMap<string, Tree>,
    keys: ReadonlyMap<string, Span>,
    step: Span,
    where: string,
  ): JsonObject {
    const { manifest } = component;
    if (manifest === undefined) return config;
    const filled = structuredClone(config);
    let check = this.#checks.get(manifest);
    if (check === undefined) {
      check = this.#compile(component, step);
      this.#checks.set(manifest, check);
    }
    if (check(filled)) return filled;
    const [error] = check.errors ?? [];
    throw error === undefined
      ? new Error('Internal error: a check failed without an error')
      : configError(error, trees, keys, step, where);
  }

  #compile({ name, manifest }: Component, span: Span): ValidateFunction {
    try {
      return this.#ajv.compile(withoutReferences(manifest?.config ?? {}));
    } catch (cause) {
      const problem = `config is no JSON Schema: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw errorAt(span, 'COMPONENT_INVALID', { file: name, problem }, { cause });
    }
  }

  #shipped(name: string, span: Span): Component {
    const known = this.#shippedNames();
    if (!known.includes(name))
      throw errorAt(span, 'COMPONENT_NOT_FOUND', { component: name, known: [...known] });
    const manifest = this.#manifest(`${this.#shippedDir}/${name}/component.yaml`, span);
    if (manifest === undefined)
      throw new Error(`Internal error: the component ${name} lacks its component.yaml`);
    return { name, shipped: true, manifest, entry: manifest.entry, runtime: manifest.runtime };
  }

  #own(name: string, span: Span): Component {
    const path = projectPath(name, span);
    const manifest = this.#files.isFolder(path) ? this.#manifest(`${path}/component.yaml`, span) : undefined;
    if (manifest !== undefined)
      return {
        name,
        shipped: false,
        manifest,
        entry: `${path}/${manifest.entry}`,
        runtime: manifest.runtime,
      };
    if (this.#files.isFile(`${path}/run.ts`)) return this.#described(name, `${path}/run.ts`, span);
    if (!this.#files.isFile(path))
      throw errorAt(span, 'COMPONENT_NOT_FOUND', { component: name, known: [...this.#shippedNames()] });
    if (/\.[cm]?[jt]s$/.test(path)) return this.#described(name, path, span);
    const runtime = path.endsWith('.py') ? 'python' : 'exec';
    return { name, shipped: false, manifest: undefined, entry: path, runtime };
  }

  #described(name: string, entry: string, span: Span): Component {
    const described = this.#describe(entry);
    // The plan holds as long as these files do.
    for (const file of described.files) this.#files.read(file);
    const own = { name, shipped: false, manifest: undefined, entry, runtime: 'node' as const };
    if ('problem' in described) return { ...own, problem: described.problem };
    if (described.manifest === null)
      return { ...own, problem: 'it does not export a step: write `export const step = defineStep({ … })`' };
    return { ...own, manifest: this.#valid(entry, described.manifest, span) };
  }

  #manifest(path: string, uses: Span): ComponentManifest | undefined {
    const source = this.#files.read(path);
    if (source === undefined) return undefined;
    const tree = parseYaml(source);
    return this.#valid(path, tree === undefined ? null : evaluate(tree, EMPTY_SCOPE), uses, tree);
  }

  /** @param tree where the manifest is written, if it is YAML; else `uses` is what errors point to */
  #valid(file: string, value: Json, uses: Span, tree?: Tree): ComponentManifest {
    const invalid = (problem: string, path: readonly string[]): Error => {
      const trees = tree?.kind === 'map' ? valuesOf(tree) : new Map<string, Tree>();
      return errorAt(spanOf(trees, path) ?? tree?.span ?? uses, 'COMPONENT_INVALID', { file, problem });
    };
    if (!this.#ajv.validate(ComponentManifest, value))
      throw invalid(
        this.#ajv.errorsText(this.#ajv.errors, { dataVar: '' }).trim(),
        this.#ajv.errors?.[0]?.instancePath.split('/').slice(1) ?? [],
      );
    const manifest = value as unknown as ComponentManifest;
    for (const [name, { path }] of Object.entries(manifest.outputs))
      if (!isStepName(name) || !isBelow(path)) throw invalid(`the output ${name}`, ['outputs', name]);
    if (!isBelow(manifest.entry)) throw invalid('the entry leads out of its folder', ['entry']);
    return manifest;
  }
}

function valuesOf(map: MapTree): Map<string, Tree> {
  return new Map([...map.entries].map(([key, { value }]) => [key, value]));
}

function withoutReferences(schema: SchemaNode): object {
  const entries = Object.entries(schema.properties ?? {}).filter(
    ([, property]) => property['x-input'] === undefined,
  );
  const properties = Object.fromEntries(entries);
  return {
    ...schema,
    properties,
    required: (schema.required ?? []).filter((name) => Object.hasOwn(properties, name)),
  };
}

function configError(
  error: ErrorObject,
  trees: ReadonlyMap<string, Tree>,
  keys: ReadonlyMap<string, Span>,
  step: Span,
  where: string,
): Error {
  const path = error.instancePath.split('/').slice(1);
  const span = spanOf(trees, path) ?? step;
  const key = path.join('.');
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties' || error.keyword === 'unevaluatedProperties') {
    const unknown = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
    const known = Object.keys((error.parentSchema as SchemaNode | undefined)?.properties ?? {});
    const at = path.length === 0 ? keys.get(unknown) : spanOf(trees, [...path, unknown]);
    return errorAt(at ?? step, 'KEY_UNKNOWN', {
      key: unknown,
      where: path.length === 0 ? where : `${where}, ${key}`,
      known,
      near: nearest(unknown, known),
    });
  }
  if (error.keyword === 'required')
    return errorAt(span, 'KEY_MISSING', { key: String(params['missingProperty']), where });
  const allowed = params['allowedValues'];
  const problem = Array.isArray(allowed)
    ? `must be one of ${allowed.join(', ')}`
    : (error.message ?? 'is not valid');
  return errorAt(span, 'VALUE_INVALID', { what: `${where}: ${key}`, problem });
}

function spanOf(trees: ReadonlyMap<string, Tree>, path: readonly string[]): Span | undefined {
  const [key, ...rest] = path;
  let tree = key === undefined ? undefined : trees.get(key);
  for (const part of rest) {
    const next: Tree | undefined =
      tree?.kind === 'map'
        ? tree.entries.get(part)?.value
        : tree?.kind === 'list'
          ? tree.items[Number(part)]
          : undefined;
    if (next === undefined) break;
    tree = next;
  }
  return tree?.span;
}

import { isStepName } from '../core/ids.ts';
import type { JsonObject } from '../core/json.ts';
import { isOutputKind } from '../core/kinds.ts';
import type { Action, PlanOutput, PlanStep } from '../core/plan.ts';
import type { Component, ComponentBook } from './component-book.ts';
import { ENGINE_KEYS, isEngineKey } from './engine-keys.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { readKeptFolders } from './kept-folders.ts';
import { nearest } from './nearest.ts';
import { parseCommand } from './parse-command.ts';
import { parseReference, type Reference } from './parse-reference.ts';
import { projectGlob, projectPath } from './project-path.ts';
import { invalid, knownKeys, mapTree, textList, textValue } from './read-value.ts';
import { errorAt, positionOf, type Span } from './source.ts';
import { readStepSettings } from './step-settings.ts';
import { checkVariables } from './step-variables.ts';
import type { Entry, MapTree, Tree } from './tree.ts';

/** A step of the recipe before its references are joined to other steps. */
export interface StepDraft {
  readonly name: string;
  readonly tree: MapTree;
  readonly span: Span;
  /** In a template's step the configuration stands beside the engine's keys; elsewhere under `with:`. */
  readonly flat: boolean;
}

/** A reference as written, still to be joined. A list of them is one input. */
export interface DraftInput {
  readonly name: string;
  readonly span: Span;
  readonly tree: Tree;
  readonly references: readonly { readonly reference: Reference; readonly span: Span }[];
  readonly isList: boolean;
}

export type BuiltStep = Omit<PlanStep, 'id' | 'name' | 'cell' | 'inputs' | 'needs'> & {
  readonly draftInputs: readonly DraftInput[];
};

/** Works out one step, or one cell of it, in its scope. */
export function buildStep(
  draft: StepDraft,
  scope: Scope,
  seed: number,
  components: ComponentBook,
): BuiltStep {
  const { tree, span, name } = draft;
  const [uses, run] = [tree.entries.get('uses'), tree.entries.get('run')];
  const { trees: configTrees, keys } = configOf(draft, run !== undefined);
  if (uses === undefined && run === undefined)
    throw errorAt(span, 'KEY_MISSING', { key: 'uses', where: `The step ${name}` });
  if (uses !== undefined && run !== undefined)
    throw invalid(run.key, `the step ${name}`, 'has both uses and run');
  const component =
    uses === undefined ? undefined : components.get(textValue(uses.value, 'uses', scope), uses.value.span);
  if (uses !== undefined && component?.problem !== undefined && !tree.entries.has('outputs'))
    throw errorAt(uses.value.span, 'COMPONENT_INVALID', {
      file: `./${component.entry}`,
      problem: component.problem,
    });
  const references =
    component === undefined ? new Map<string, string>() : components.referenceKeys(component);
  const draftInputs = [
    ...inputsOf(tree, scope),
    ...[...references].flatMap(([key, input]) => {
      const value = configTrees.get(key);
      return value === undefined ? [] : [draftInput(input, value, scope)];
    }),
  ];
  const outputs = outputsOf(draft, component, scope);
  const kept = readKeptFolders(tree, scope);
  const symbols = symbolScope(scope, draftInputs, outputs, kept);
  const config = readConfig(draft, component, components, configTrees, keys, references, scope);
  if (component !== undefined) checkInputs(component, draftInputs, span, name);
  const action =
    component === undefined ? parseCommand((run as { value: Tree }).value, symbols) : actionOf(component);
  const settings = readStepSettings(tree, seed, symbols);
  const inputs = draftInputs.map((input) => input.name);
  checkVariables(tree, span, { inputs, outputs, action, ...kept, ...settings });
  return {
    at: positionOf(span),
    action,
    config,
    configFiles:
      component === undefined
        ? []
        : components.fileKeys(component).filter((key) => typeof config[key] === 'string'),
    draftInputs,
    outputs,
    code: codeOf(tree, action, components, scope),
    ...kept,
    ...settings,
  };
}

function actionOf(component: Component): Action {
  const effect = component.manifest?.effect === undefined ? {} : { effect: component.manifest.effect };
  return component.shipped
    ? { kind: 'shipped', component: component.name, version: component.manifest?.version ?? '0', ...effect }
    : { kind: 'own', entry: component.entry, runtime: component.runtime, ...effect };
}

/** Where each configuration key stands. */
function configOf(
  { tree, flat, name }: StepDraft,
  isCommand: boolean,
): { trees: Map<string, Tree>; keys: Map<string, Span> } {
  const given = tree.entries.get('with');
  const trees = new Map<string, Tree>();
  const keys = new Map<string, Span>();
  const add = (key: string, entry: Entry): void => {
    trees.set(key, entry.value);
    keys.set(key, entry.key);
  };
  if (given !== undefined) for (const [key, entry] of mapTree(given.value, 'with').entries) add(key, entry);
  for (const [key, entry] of tree.entries) {
    if (isEngineKey(key)) continue;
    if (!flat || isCommand) {
      throw errorAt(entry.key, 'KEY_UNKNOWN', {
        key,
        where: `The step ${name}`,
        known: ['with', 'inputs', 'outputs', 'run', 'uses'],
        near: nearest(key, ENGINE_KEYS) ?? (isCommand ? undefined : 'with'),
      });
    }
    add(key, entry);
  }
  return { trees, keys };
}

function readConfig(
  { name, span }: StepDraft,
  component: Component | undefined,
  components: ComponentBook,
  trees: ReadonlyMap<string, Tree>,
  keys: ReadonlyMap<string, Span>,
  references: ReadonlyMap<string, string>,
  scope: Scope,
): JsonObject {
  const config: JsonObject = Object.fromEntries(
    [...trees].flatMap(([key, tree]) => {
      if (references.has(key)) return [];
      const value = evaluate(tree, scope);
      return value === null ? [] : [[key, value] as const];
    }),
  );
  return component === undefined
    ? config
    : components.checkConfig(component, config, trees, keys, span, `The step ${name}`);
}

function inputsOf(tree: MapTree, scope: Scope): DraftInput[] {
  const entry = tree.entries.get('inputs');
  if (entry === undefined) return [];
  return [...mapTree(entry.value, 'inputs').entries].flatMap(([name, { key, value }]) => {
    if (!isStepName(name)) throw invalid(key, `the input ${name}`, 'is no name: use a-z, 0-9, _ and -');
    // A template may offer an input that the recipe leaves empty.
    if (value.kind === 'scalar' && value.parts !== undefined && evaluate(value, scope) === null) return [];
    return [draftInput(name, value, scope)];
  });
}

function draftInput(name: string, tree: Tree, scope: Scope): DraftInput {
  const value = evaluate(tree, scope);
  const isList = Array.isArray(value);
  const texts = isList ? value : [value];
  if (texts.length === 0) throw invalid(tree.span, `the input ${name}`, 'is an empty list');
  const references = texts.map((text, index) => {
    const span = tree.kind === 'list' ? (tree.items[index]?.span ?? tree.span) : tree.span;
    if (typeof text !== 'string') throw invalid(span, `the input ${name}`, 'is not a reference');
    return { reference: parseReference(text, span), span };
  });
  return { name, span: tree.span, tree, references, isList };
}

function outputsOf(
  { tree }: StepDraft,
  component: Component | undefined,
  scope: Scope,
): Record<string, PlanOutput> {
  const entry = tree.entries.get('outputs');
  if (entry === undefined) {
    if (component?.manifest !== undefined) {
      const outputs = component.manifest.outputs;
      return Object.fromEntries(
        Object.entries(outputs).map(([key, { path, kind }]) => [key, { path, kind }]),
      );
    }
    return {};
  }
  const outputs: Record<string, PlanOutput> = {};
  const taken = new TakenPaths();
  for (const [key, { key: keySpan, value }] of mapTree(entry.value, 'outputs').entries) {
    if (!isStepName(key)) throw invalid(keySpan, `the output ${key}`, 'is no name: use a-z, 0-9, _ and -');
    const output = readOutput(key, value, scope);
    const other = taken.take(output.path, key);
    if (other !== undefined)
      throw invalid(value.span, `the output ${key}`, `lies where the output ${other} does`);
    outputs[key] = output;
  }
  return outputs;
}

/** Paths of outputs, and the folders that they lie in; what some file system takes for the same is the same. */
class TakenPaths {
  readonly #paths = new Map<string, string>();
  readonly #folders = new Map<string, string>();

  /** The output that lies there, above or below; undefined if the path is free, and taken now. */
  take(path: string, name: string): string | undefined {
    const parts = path.normalize('NFC').toLowerCase().split('/');
    const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    const whole = parts.join('/');
    const other = this.#folders.get(whole) ?? above.map((one) => this.#paths.get(one)).find(Boolean);
    this.#paths.set(whole, name);
    for (const folder of above) this.#folders.set(folder, name);
    return other;
  }
}

/** `model/` is a folder; the kind follows from the path unless it is said. */
function readOutput(name: string, tree: Tree, scope: Scope): PlanOutput {
  let written: string;
  let kind: string | undefined;
  if (tree.kind === 'map') {
    knownKeys(tree, `the output ${name}`, ['path', 'kind']);
    const path = tree.entries.get('path');
    if (path === undefined)
      throw errorAt(tree.span, 'KEY_MISSING', { key: 'path', where: `The output ${name}` });
    written = textValue(path.value, `the output ${name}`, scope);
    const kindEntry = tree.entries.get('kind');
    if (kindEntry !== undefined) kind = textValue(kindEntry.value, `the kind of the output ${name}`, scope);
    if (kind !== undefined && !isOutputKind(kind))
      throw invalid(
        kindEntry?.value.span ?? tree.span,
        `the kind ${kind}`,
        'is none of file, directory, table, model, metrics, value',
      );
  } else written = textValue(tree, `the output ${name}`, scope);
  const path = projectPath(written, tree.span);
  const implied = written.endsWith('/') ? 'directory' : path.endsWith('.parquet') ? 'table' : 'file';
  return { path, kind: kind !== undefined && isOutputKind(kind) ? kind : implied };
}

function codeOf(tree: MapTree, action: Action, components: ComponentBook, scope: Scope): string[] {
  const entry = tree.entries.get('code');
  const declared = entry === undefined ? [] : textList(entry.value, 'code', scope);
  const paths = declared.map((path) => {
    return projectGlob(path, (entry as { value: Tree }).value.span).path;
  });
  // A program named on the command line is code without being declared.
  if (action.kind === 'argv')
    for (const element of action.argv)
      if (typeof element === 'string' && isProjectFile(element, components))
        paths.push(element.replace(/^\.\//, ''));
  return [...new Set(paths)];
}

function isProjectFile(text: string, components: ComponentBook): boolean {
  return (
    /^(?:\.\/)?[\w@][\w@./+-]*\.\w+$/.test(text) && !text.split('/').includes('..') && components.isFile(text)
  );
}

function checkInputs(
  { manifest, name }: Component,
  inputs: readonly DraftInput[],
  span: Span,
  step: string,
): void {
  if (manifest === undefined || Object.keys(manifest.inputs).length === 0) return;
  const known = Object.keys(manifest.inputs);
  for (const input of inputs)
    if (!known.includes(input.name) && !known.includes('*'))
      throw errorAt(input.span, 'KEY_UNKNOWN', {
        key: input.name,
        where: `The component ${name}`,
        known,
        near: undefined,
      });
  for (const [input, { optional }] of Object.entries(manifest.inputs))
    if (optional !== true && input !== '*' && !inputs.some((given) => given.name === input))
      throw errorAt(span, 'KEY_MISSING', { key: `inputs.${input}`, where: `The step ${step}` });
}

function symbolScope(
  scope: Scope,
  inputs: readonly DraftInput[],
  outputs: Readonly<Record<string, PlanOutput>>,
  { checkpoint, caches = [] }: Pick<PlanStep, 'checkpoint' | 'caches'>,
): Scope {
  return {
    ...scope,
    lookUp: (path, from) => {
      const [kind, name = ''] = path;
      if (path.length === 2 && kind === 'inputs' && inputs.some((input) => input.name === name))
        return { kind: 'symbol', part: { input: name } };
      if (path.length === 2 && kind === 'outputs' && Object.hasOwn(outputs, name))
        return { kind: 'symbol', part: { output: name } };
      if (path.length === 1 && kind === 'checkpoint' && checkpoint !== undefined)
        return { kind: 'symbol', part: { checkpoint: true } };
      if (path.length === 2 && kind === 'caches' && caches.includes(name))
        return { kind: 'symbol', part: { cache: name } };
      return scope.lookUp(path, from);
    },
    names: () => [
      ...scope.names(),
      ...inputs.map(({ name }) => `inputs.${name}`),
      ...Object.keys(outputs).map((name) => `outputs.${name}`),
      ...(checkpoint === undefined ? [] : ['checkpoint']),
      ...caches.map((name) => `caches.${name}`),
    ],
  };
}

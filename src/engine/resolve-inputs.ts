import { globSync, statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OutputRef } from '../core/events.ts';
import type { Digest, StepId } from '../core/ids.ts';
import type { PlanInput, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { digestOf } from '../store/hash.ts';
import type { Store } from '../store/store.ts';
import { byBytes, treeText } from '../store/trees.ts';
import type { ResolvedInput } from './ports.ts';
import { walkProject } from './walk-project.ts';

/** What resolving an input may ask. */
export interface InputSources {
  readonly projectDir: string;
  readonly store: Store;
  /** An output of a step that is done in this run. */
  readonly outputOf: (step: StepId, output: string) => OutputRef & { readonly path: string };
  /** What a mutable reference stands for in this run; asked before, so that it is at hand. */
  readonly referenced: (reference: string) => ReferencedBlob;
}

/** A URL's copy in the store, or a registered model; `none` for an alias that does not exist. */
export type ReferencedBlob =
  | {
      readonly digest: Digest;
      readonly kind: string;
      readonly extension: string;
      /** What a registered model was compared with when it was judged. */
      readonly comparedWith?: Digest | undefined;
    }
  | 'none';

/** What an alias that does not exist counts as. */
const NONE = digestOf('none');

/** The inputs of a step, each by content. `undefined` digests do not occur: a missing file is an error. */
export function resolveInputs(step: PlanStep, sources: InputSources): ResolvedInput[] {
  const resolved: ResolvedInput[] = [];
  for (const name in step.inputs) {
    const input = step.inputs[name];
    if (input !== undefined) resolved.push(resolveInput(step, name, input, sources));
  }
  return resolved.map((input) => otherThanItself(input, step.inputs[input.name], resolved, sources));
}

function resolveInput(step: PlanStep, name: string, input: PlanInput, sources: InputSources): ResolvedInput {
  switch (input.kind) {
    case 'output': {
      const { digest, kind, path } = sources.outputOf(input.step, input.output);
      return { name, kind, digest, from: 'store', extension: extname(path) };
    }
    case 'cells': {
      const cells = input.cells.map(({ cell, step: producer }) => {
        const { digest, kind, path } = sources.outputOf(producer, input.output);
        return { cell, digest, kind, extension: extname(path) };
      });
      const digest = digestOf(cells.map((cell) => `${cell.cell}\0${cell.digest}\n`).join(''));
      return { name, kind: 'cells', digest, from: 'cells', cells };
    }
    case 'path':
      return resolvePath(step, name, input, sources);
    case 'uri':
      return input.uri.startsWith('file:')
        ? resolvePath(
            step,
            name,
            { kind: 'path', path: fileURLToPath(input.uri), glob: false, at: step.at },
            sources,
          )
        : resolveReference(name, input.uri, sources);
    case 'model':
      return resolveReference(name, input.reference, sources);
    case 'list':
      return resolveList(step, name, input.items, sources);
  }
}

/**
 * An alias that points to the very model under evaluation stands for what that one was compared with:
 * promoting a model is no reason to judge it anew.
 */
function otherThanItself(
  input: ResolvedInput,
  written: PlanInput | undefined,
  all: readonly ResolvedInput[],
  { referenced }: InputSources,
): ResolvedInput {
  if (written?.kind !== 'model' || input.from !== 'store') return input;
  if (!all.some((other) => other !== input && other.digest === input.digest)) return input;
  const found = referenced(written.reference);
  const digest = found === 'none' ? undefined : found.comparedWith;
  return digest === undefined
    ? { name: input.name, kind: 'none', digest: NONE, from: 'none' }
    : { ...input, digest };
}

function resolveReference(name: string, reference: string, { referenced }: InputSources): ResolvedInput {
  const found = referenced(reference);
  if (found === 'none') return { name, kind: 'none', digest: NONE, from: 'none' };
  return { name, kind: found.kind, digest: found.digest, from: 'store', extension: found.extension };
}

function resolvePath(
  step: PlanStep,
  name: string,
  input: PlanInput & { kind: 'path' },
  { projectDir, store }: InputSources,
): ResolvedInput {
  const absolute = resolve(projectDir, input.path);
  if (!input.glob) {
    const file = store.files.sync(absolute);
    if (file !== undefined)
      return {
        name,
        kind: 'file',
        digest: file.digest,
        from: 'project',
        files: [{ path: input.path, name: basename(input.path), digest: file.digest }],
      };
    if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw notFound(step, name, input);
    return folderOf(name, walkProject(projectDir, input.path), projectDir, store);
  }
  const matched = globSync(input.path, { cwd: projectDir })
    .filter((path) => store.files.sync(resolve(projectDir, path)) !== undefined)
    .toSorted(byBytes)
    .map((path) => ({ path, name: path }));
  if (matched.length === 0) throw notFound(step, name, input);
  return folderOf(name, matched, projectDir, store);
}

function folderOf(
  name: string,
  entries: readonly { path: string; name: string }[],
  projectDir: string,
  store: Store,
): ResolvedInput {
  const files = entries.flatMap((entry) => {
    const file = store.files.sync(resolve(projectDir, entry.path));
    return file === undefined ? [] : [{ ...entry, digest: file.digest, size: file.size, mode: file.mode }];
  });
  const digest = digestOf(
    treeText(
      files.map((file) => ({
        path: file.name,
        digest: file.digest,
        size: file.size,
        ...((file.mode & 0o100) === 0 ? {} : { executable: true as const }),
      })),
    ),
  );
  return {
    name,
    kind: 'directory',
    digest,
    from: 'project',
    files: files.map((file) => ({ path: file.path, name: file.name, digest: file.digest })),
  };
}

function resolveList(
  step: PlanStep,
  name: string,
  items: readonly PlanInput[],
  sources: InputSources,
): ResolvedInput {
  const cells = items.map((item, index) => {
    const one = resolveInput(step, name, item, sources);
    const label = String(index).padStart(3, '0');
    return { cell: `${label}-${itemName(item)}`, digest: one.digest, kind: one.kind, extension: '', one };
  });
  const digest = digestOf(cells.map((cell) => `${cell.cell}\0${cell.digest}\n`).join(''));
  return {
    name,
    kind: 'directory',
    digest,
    from: 'list',
    items: cells.map(({ cell, one }) => ({ name: cell, input: one })),
  };
}

function itemName(item: PlanInput): string {
  switch (item.kind) {
    case 'path':
      return basename(item.path).replaceAll(/[*?[\]{}]/g, '_');
    case 'uri':
      return basename(new URL(item.uri).pathname) || 'data';
    case 'output':
    case 'cells':
      return item.output;
    case 'model':
      return item.name;
    case 'list':
      return 'list';
  }
}

function notFound(step: PlanStep, input: string, { path, at }: PlanInput & { kind: 'path' }): RecipeError {
  return new RecipeError(
    'INPUT_NOT_FOUND',
    { step: step.id, input, path: path.startsWith('/') ? path : `./${path}` },
    { at },
  );
}

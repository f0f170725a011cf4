import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { OutputRef } from '../core/events.ts';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import { readTree } from '../store/trees.ts';
import type { ResolvedInput } from './ports.ts';

/**
 * Lays an input out at `<dir>/<name>`: links to read-only blobs, or to the project's own files. Gives
 * the path that the step is told; undefined for an alias that does not exist.
 *
 * @throws BlobDamaged if the store has lost or damaged a blob.
 */
export async function materialise(
  input: ResolvedInput,
  dir: string,
  { store, projectDir }: { store: Store; projectDir: string },
): Promise<string | undefined> {
  switch (input.from) {
    case 'none':
      return undefined;
    case 'store':
      return lend(store, input, join(dir, input.name));
    case 'cells': {
      const folder = join(dir, input.name);
      mkdirSync(folder);
      for (const cell of input.cells) await lend(store, cell, join(folder, cell.cell));
      return folder;
    }
    case 'list': {
      const folder = join(dir, input.name);
      mkdirSync(folder);
      for (const item of input.items)
        await materialise({ ...item.input, name: item.name }, folder, { store, projectDir });
      return folder;
    }
    case 'project':
      return linkProject(input, join(dir, input.name), projectDir);
  }
}

/** What of an attempt's inputs comes from the store. */
export function storedInputs(inputs: readonly ResolvedInput[]): Pick<OutputRef, 'digest' | 'kind'>[] {
  return inputs.flatMap((input) => {
    switch (input.from) {
      case 'store':
        return [{ digest: input.digest, kind: input.kind as OutputRef['kind'] }];
      case 'cells':
        return input.cells.map(({ digest, kind }) => ({ digest, kind: kind as OutputRef['kind'] }));
      case 'list':
        return storedInputs(input.items.map((item) => item.input));
      default:
        return [];
    }
  });
}

async function lend(
  store: Store,
  { digest, kind, extension }: { digest: Digest; kind: string; extension: string },
  path: string,
): Promise<string> {
  await checked(store, digest);
  if (!isTree(kind as OutputKind)) {
    const link = path.endsWith(extension) ? path : path + extension;
    symlinkSync(store.blobs.path(digest), link);
    return link;
  }
  const tree = readTree(store.blobs, digest);
  mkdirSync(path);
  for (const folder of tree.emptyFolders) mkdirSync(inside(path, folder), { recursive: true });
  for (const file of tree.files) {
    await checked(store, file.digest);
    const target = inside(path, file.path);
    mkdirSync(dirname(target), { recursive: true });
    if (file.executable) copyFileSync(store.blobs.path(file.digest), target);
    else symlinkSync(store.blobs.path(file.digest), target);
  }
  return path;
}

async function checked(store: Store, digest: Digest): Promise<void> {
  const state = await store.blobs.verify(digest);
  if (state !== 'ok') throw new BlobDamaged(digest, state);
}

function linkProject(input: ResolvedInput & { from: 'project' }, path: string, projectDir: string): string {
  if (input.kind === 'file') {
    const [file] = input.files;
    if (file === undefined) throw new Error(`Internal error: the input ${input.name} names no file`);
    const dot = file.name.indexOf('.', 1);
    const link = dot === -1 ? path : path + file.name.slice(dot);
    symlinkSync(resolve(projectDir, file.path), link);
    return link;
  }
  mkdirSync(path);
  for (const file of input.files) {
    const target = inside(path, file.name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(resolve(projectDir, file.path), target);
  }
  return path;
}

/** A tree may come from a shared store: a name in it must not lead elsewhere. */
function inside(root: string, relative: string): string {
  const path = join(root, relative);
  if (!path.startsWith(`${root}/`)) throw new RecipeError('PATH_UNSAFE', { path: relative });
  return path;
}

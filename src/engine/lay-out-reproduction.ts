import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { hasTree } from '../store/has-tree.ts';
import { digestFile } from '../store/hash.ts';
import type { Store } from '../store/store.ts';
import { readTree, treeText } from '../store/trees.ts';
import type { ReproducedFile, ReproducedReference, Reproduction } from './reproduction.ts';

export interface LayOutOptions {
  readonly dir: string;
  /** Where the reproduction's bytes are. */
  readonly from: Store;
  /** Where what references stood for goes. */
  readonly to: Store;
  /** Files for what is not kept, by path or reference. */
  readonly supplied: ReadonlyMap<string, string>;
}

/**
 * What a reproduction needs that its version does not keep and nobody supplies.
 *
 * @throws RecipeError REPRODUCTION_INPUT_DIFFERS for a file that is supplied and is another.
 */
export async function missingInputs(
  { files, references }: Reproduction,
  { from, supplied }: Pick<LayOutOptions, 'from' | 'supplied'>,
): Promise<{ readonly path: string; readonly digest: Digest; readonly size: number }[]> {
  const missing: { path: string; digest: Digest; size: number }[] = [];
  for (const { path, digest, size, isKept } of files) {
    const file = supplied.get(path);
    if (file !== undefined) await checkSupplied(path, file, digest);
    else if (!isKept) missing.push({ path, digest, size });
  }
  for (const { reference, digest, kind, size, isKept } of references) {
    if (digest === 'none') continue;
    const file = supplied.get(reference);
    if (file !== undefined) await checkSupplied(reference, file, digest);
    else if (!isKept && !isHere(from, digest, kind)) missing.push({ path: reference, digest, size });
  }
  return missing;
}

/** Writes the project's files to a folder, and what references stood for to its store. */
export async function layOutReproduction(
  { files, references }: Reproduction,
  { dir, from, to, supplied }: LayOutOptions,
): Promise<void> {
  for (const file of files) await layOut(file, dir, supplied.get(file.path) ?? (await lend(from, file)));
  for (const reference of references) await hand(reference, from, to, supplied.get(reference.reference));
  await to.blobs.settle();
}

async function checkSupplied(path: string, file: string, wanted: Digest): Promise<void> {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() !== true)
    throw new RecipeError('USAGE', {
      problem: `--input ${path}=${file} names no file`,
      command: 'reproduce',
    });
  const found = await digestFile(file, stats.size);
  if (found !== wanted) throw new RecipeError('REPRODUCTION_INPUT_DIFFERS', { path, file, wanted, found });
}

function isHere({ blobs }: Store, digest: Digest, kind: string): boolean {
  return isTree(kind as OutputKind) ? hasTree(blobs, digest) : blobs.size(digest) !== undefined;
}

/** @throws BlobDamaged */
async function lend({ blobs }: Store, { digest }: { readonly digest: Digest }): Promise<string> {
  const state = await blobs.verify(digest);
  if (state !== 'ok') throw new BlobDamaged(digest, state);
  return blobs.path(digest);
}

async function layOut({ path, executable }: ReproducedFile, dir: string, source: string): Promise<void> {
  // What others wrote must not lead out of the folder.
  if (path.startsWith('/') || path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new RecipeError('PATH_UNSAFE', { path });
  const target = join(dir, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, executable === true ? 0o755 : 0o644);
}

async function hand(
  { digest, kind }: ReproducedReference,
  from: Store,
  to: Store,
  supplied: string | undefined,
): Promise<void> {
  if (digest === 'none') return;
  if (!isTree(kind as OutputKind)) return copyBlob(supplied ?? (await lend(from, { digest })), to);
  const { files, emptyFolders } = readTree(from.blobs, digest);
  for (const file of files) await copyBlob(await lend(from, file), to);
  await to.blobs.putDurably(treeText(files, emptyFolders));
}

async function copyBlob(path: string, { blobs, layout }: Store): Promise<void> {
  mkdirSync(layout.tmp, { recursive: true });
  const temporary = join(layout.tmp, randomUUID());
  copyFileSync(path, temporary);
  chmodSync(temporary, 0o600);
  await blobs.putFile(temporary);
}

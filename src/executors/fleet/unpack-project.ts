import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RecipeError } from '../../core/recipe-error.ts';
import { attemptName } from '../../engine/active-runs.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import { makePrivateFolder } from '../../store/private-folder.ts';
import type { Store } from '../../store/store.ts';
import type { Parcel } from './parcel.ts';

export interface Unpacked extends Disposable {
  /** Folder with the code of a task at its paths in the project it comes from. */
  readonly dir: string;
}

/**
 * Lays the code of a parcel out as the project has it. All its blobs must be here. Without code the folder is not
 * made: nothing is looked for in it.
 *
 * @param environment folder with the `node_modules` that the code may import from
 * @throws BlobDamaged
 */
export async function unpackProject(
  { code, packages }: Parcel,
  {
    store,
    home,
    owner,
    environment,
  }: { store: Store; home: string; owner: string; environment: string | undefined },
): Promise<Unpacked> {
  const dir = join(home, 'attempts', `${attemptName(owner)}-${randomUUID()}`);
  if (code.length === 0 && packages === undefined) return { dir, [Symbol.dispose]: () => undefined };
  makePrivateFolder(dir);
  const unpacked: Unpacked = { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
  try {
    for (const { path, digest, executable } of code) await copy(path, digest, executable === true);
    if (packages !== undefined && !code.some(({ path }) => path === 'package.json'))
      await copy('package.json', packages.manifest, false);
    if (environment !== undefined) symlinkSync(join(environment, 'node_modules'), join(dir, 'node_modules'));
    return unpacked;
  } catch (error) {
    unpacked[Symbol.dispose]();
    throw error;
  }

  async function copy(
    path: string,
    digest: Parcel['code'][number]['digest'],
    isExecutable: boolean,
  ): Promise<void> {
    const target = join(dir, path);
    // A parcel comes from a shared store.
    if (!target.startsWith(`${dir}/`)) throw new RecipeError('PATH_UNSAFE', { path });
    const state = await store.blobs.verify(digest);
    if (state !== 'ok') throw new BlobDamaged(digest, state);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(store.blobs.path(digest), target);
    chmodSync(target, isExecutable ? 0o755 : 0o644);
  }
}

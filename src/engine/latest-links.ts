import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import type { Outputs } from '../core/events.ts';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { PlanStep } from '../core/plan.ts';
import { hasCode } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { hasTree } from '../store/has-tree.ts';
import { inFolder } from '../store/in-folder.ts';
import type { Store } from '../store/store.ts';
import { readTree } from '../store/trees.ts';

/**
 * `latest/<recipe>/<step>/<output>`: links to the newest outputs, for people and their other programs. The
 * extension is kept; a folder is a folder of links. Nothing of Stockpot reads them.
 */
export class LatestLinks {
  readonly #dir: string;
  readonly #store: Store;
  /** False when there are none yet, as when someone has removed the folder: then cached steps get theirs too. */
  readonly areThere: boolean;
  #isMade: boolean;

  constructor(home: string, recipe: string, store: Store) {
    this.#dir = join(home, 'latest', recipe);
    this.#store = store;
    this.areThere = existsSync(this.#dir);
    this.#isMade = this.areThere;
  }

  /** Gives what kept the links from being made: they are for people, and the run is as good without. */
  update(step: PlanStep, outputs: Outputs): string | undefined {
    try {
      this.#update(step, outputs);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      return `latest/ was not updated: ${error.message}`;
    }
  }

  #update({ id, outputs: declared }: PlanStep, outputs: Outputs): void {
    // That it is there says that all is linked that can be.
    if (!this.#isMade) mkdirSync(this.#dir, { recursive: true });
    this.#isMade = true;
    const dir = join(this.#dir, id);
    for (const [name, { digest, kind }] of Object.entries(outputs)) {
      const link = join(dir, name + extname(declared[name]?.path ?? ''));
      // What lies in a shared cache only is no use to a link.
      if (!this.#isHere(digest, kind)) rmSync(link, { recursive: true, force: true });
      else if (isTree(kind)) this.#linkFolder(digest, link);
      else inFolder(dir, () => replaceLink(this.#store.blobs.path(digest), link));
    }
  }

  #isHere(digest: Digest, kind: OutputKind): boolean {
    const { blobs } = this.#store;
    return isTree(kind) ? hasTree(blobs, digest) : blobs.size(digest) !== undefined;
  }

  #linkFolder(digest: Parameters<typeof readTree>[1], path: string): void {
    const fresh = `${path}.${randomUUID()}`;
    try {
      const tree = readTree(this.#store.blobs, digest);
      inFolder(dirname(fresh), () => mkdirSync(fresh));
      for (const folder of tree.emptyFolders) mkdirSync(join(fresh, folder), { recursive: true });
      for (const file of tree.files) {
        mkdirSync(dirname(join(fresh, file.path)), { recursive: true });
        symlinkSync(this.#store.blobs.path(file.digest), join(fresh, file.path));
      }
      rmSync(path, { recursive: true, force: true });
      renameSync(fresh, path);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      // Another run was quicker, or the folder is lost: whoever needs it will say so.
      if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST') && !(error instanceof BlobDamaged))
        throw error;
    }
  }
}

function replaceLink(target: string, path: string): void {
  try {
    symlinkSync(target, path);
    return;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const stats = lstatSync(path);
  if (stats.isSymbolicLink() && readlinkSync(path) === target) return;
  if (stats.isDirectory()) rmSync(path, { recursive: true });
  const fresh = `${path}.${randomUUID()}`;
  symlinkSync(target, fresh);
  renameSync(fresh, path);
}

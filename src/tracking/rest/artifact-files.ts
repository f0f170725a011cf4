import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../../core/ids.ts';
import { isTree, type OutputKind } from '../../core/kinds.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import type { Store } from '../../store/store.ts';
import { readTree, type TreeFile, treeText } from '../../store/trees.ts';

/** A file of an output: where it lies in the output, and where on this disk. An output of one file has the path ''. */
export interface ArtifactFile {
  readonly path: string;
  readonly file: string;
}

/** Files of outputs on this machine, for servers that keep files themselves. */
export interface ArtifactFiles {
  /** Undefined if they are not all here. */
  of(digest: Digest, kind: OutputKind): readonly ArtifactFile[] | undefined;
  /** Keeps the files of a folder that a server sent, and gives its digest. */
  keep(
    files: readonly { readonly path: string; readonly bytes: AsyncIterable<Uint8Array> }[],
  ): Promise<Digest>;
}

/** Outputs of a store. */
export class StoredFiles implements ArtifactFiles {
  readonly #store: () => Store;

  /** @param store opened only when files are needed: that makes the home */
  constructor(store: () => Store) {
    this.#store = store;
  }

  of(digest: Digest, kind: OutputKind): readonly ArtifactFile[] | undefined {
    const { blobs } = this.#store();
    try {
      const files = isTree(kind) ? readTree(blobs, digest).files : [{ path: '', digest }];
      if (files.some((file) => blobs.size(file.digest) === undefined)) return undefined;
      return files.map((file) => ({ path: file.path, file: blobs.path(file.digest) }));
    } catch (error) {
      if (error instanceof BlobDamaged) return undefined;
      throw error;
    }
  }

  async keep(
    files: readonly { readonly path: string; readonly bytes: AsyncIterable<Uint8Array> }[],
  ): Promise<Digest> {
    const { blobs, layout } = this.#store();
    await mkdir(layout.tmp, { recursive: true });
    const tree: TreeFile[] = [];
    for (const { path, bytes } of files) {
      const temporary = join(layout.tmp, randomUUID());
      try {
        await pipeline(bytes, createWriteStream(temporary));
        tree.push({ path, ...(await blobs.putFile(temporary)) });
      } finally {
        await rm(temporary, { force: true });
      }
    }
    const { digest } = await blobs.putDurably(treeText(tree));
    await blobs.settle();
    return digest;
  }
}

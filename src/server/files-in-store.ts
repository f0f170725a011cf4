import { randomUUID } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/sql.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import { pin, unpin } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import { writeStream } from '../store/write-stream.ts';
import { MlflowError, missing } from '../tracking/mlflow/mlflow-error.ts';
import type { ClientFiles, FileInfo, ReadableFile } from './client-files.ts';
import { listUploaded } from './list-uploaded.ts';
import { forgetFiles, type NewFile, nameFile } from './name-file.ts';
import { type Stored, uploaded, uploadedBelow } from './uploaded-files.ts';

export interface FilesInStoreOptions {
  readonly database: Database;
  readonly store: Pick<Store, 'blobs' | 'layout'>;
  readonly home: string;
  readonly now: () => number;
}

/** A path is a key of the database, never one of the disk; bytes lie in the store by digest. */
export class FilesInStore implements ClientFiles {
  readonly #database: Database;
  readonly #store: Pick<Store, 'blobs' | 'layout'>;
  readonly #home: string;
  readonly #now: () => number;

  constructor({ database, store, home, now }: FilesInStoreOptions) {
    this.#database = database;
    this.#store = store;
    this.#home = home;
    this.#now = now;
  }

  /** Stores the bytes, pins them, then names them: of several at once each takes away only the pin that it replaced. */
  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const dir = join(this.#home, 'uploads');
    makePrivateFolder(dir);
    const temporary = join(dir, randomUUID());
    try {
      await writeStream(temporary, bytes, { flags: 'wx', mode: 0o600 });
      const { blobs } = this.#store;
      const { digest, size } = await blobs.putFile(temporary);
      await blobs.settle();
      await this.#name({ path, digest, size, pin: `file-${randomUUID()}`, at: this.#now() });
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async #name(file: NewFile): Promise<void> {
    const { path, digest, size } = file;
    await pin(this.#store, this.#home, file.pin, [{ digest, kind: 'file' }]);
    try {
      // Bytes that were there already may have gone before they were pinned.
      if (!this.#store.blobs.has(digest, size))
        throw new MlflowError(
          'TEMPORARILY_UNAVAILABLE',
          `The bytes of '${path}' were just removed: send them again`,
        );
      const replaced = await this.#database.write((sql) => nameFile(sql, file));
      if (replaced !== undefined) unpin(this.#store, this.#home, replaced);
    } catch (error) {
      // After any other error it may have its name all the same.
      if (error instanceof MlflowError) unpin(this.#store, this.#home, file.pin);
      throw error;
    }
  }

  async open(path: string): Promise<ReadableFile | undefined> {
    const found = await this.#database.read((sql) => uploaded(sql, path));
    return found === undefined ? undefined : openStored(this.#store, found);
  }

  async list(folder: string): Promise<FileInfo[]> {
    return this.#database.read((sql) => listUploaded(sql, folder === '' ? '' : `${folder}/`));
  }

  async remove(path: string): Promise<void> {
    const pins = await this.#database.write((sql) => forgetFiles(sql, path));
    for (const pin of pins) unpin(this.#store, this.#home, pin);
  }

  async keep(folder: string): Promise<Stored[]> {
    return this.#database.read((sql) => uploadedBelow(sql, `${folder}/`));
  }
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST if its bytes are gone, or are others */
export async function openStored(
  { blobs }: Pick<Store, 'blobs'>,
  { path, digest, size }: Stored,
): Promise<ReadableFile> {
  const state = await blobs.verify(digest);
  if (state !== 'ok') throw missing(`The artifact '${path}' is ${state} in the store`);
  return {
    size,
    etag: `"${digest}"`,
    stream: (start, end) => createReadStream(blobs.path(digest), { start, end }),
  };
}

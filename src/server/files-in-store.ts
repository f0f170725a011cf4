import { randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/sql.ts';
import { digestOf } from '../store/hash.ts';
import { pin, unpin } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import { writeStream } from '../store/write-stream.ts';
import { missing } from '../tracking/mlflow/mlflow-error.ts';
import { type ClientFiles, directlyBelow, type FileInfo, type ReadableFile } from './client-files.ts';
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

  /** Stores the bytes, then the name. */
  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const dir = join(this.#home, 'uploads');
    mkdirSync(dir, { recursive: true });
    const temporary = join(dir, randomUUID());
    try {
      await writeStream(temporary, bytes, { flags: 'wx', mode: 0o600 });
      const { blobs } = this.#store;
      const { digest, size } = await blobs.putFile(temporary);
      await blobs.settle();
      await pin(this.#store, this.#home, pinOf(path), [{ digest, kind: 'file' }]);
      await this.#database.write((sql) =>
        sql.run(
          `INSERT INTO files (path, digest, size, created_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, size = excluded.size, created_at = excluded.created_at`,
          path,
          digest,
          size,
          this.#now(),
        ),
      );
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async open(path: string): Promise<ReadableFile | undefined> {
    const found = await this.#database.read((sql) => uploaded(sql, path));
    return found === undefined ? undefined : openStored(this.#store, found);
  }

  async list(folder: string): Promise<FileInfo[]> {
    const prefix = folder === '' ? '' : `${folder}/`;
    return directlyBelow(prefix, await this.#database.read((sql) => uploadedBelow(sql, prefix)));
  }

  async remove(path: string): Promise<void> {
    const removed = await this.#database.write(async (sql) => {
      const files = [await uploaded(sql, path), ...(await uploadedBelow(sql, `${path}/`))].flatMap(
        (one) => one ?? [],
      );
      for (const file of files) await sql.run('DELETE FROM files WHERE path = ?', file.path);
      return files;
    });
    for (const file of removed) unpin(this.#store, this.#home, pinOf(file.path));
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

function pinOf(path: string): string {
  return `file-${digestOf(path)}`;
}

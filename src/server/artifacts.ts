import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { Database, Sql } from '../db/sql.ts';
import { REPRODUCTION_FILE, REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { digestOf } from '../store/hash.ts';
import { pin, unpin } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import { readTree, treeText } from '../store/trees.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { type Stored, uploaded, uploadedBelow } from './uploaded-files.ts';

/** A file or folder of a listing; `file_size` in bytes. */
export interface FileInfo {
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
}

/**
 * Files that clients write through the server, and what recipes' runs wrote, as one space of paths:
 * `<experiment>/<run>/artifacts/<path>`. A path is a key of the database, never one of the disk; bytes lie
 * in the store by digest.
 */
export class Artifacts {
  readonly #database: Database;
  readonly #store: Pick<Store, 'blobs' | 'layout'>;
  readonly #home: string;
  readonly #now: () => number;

  constructor({
    database,
    store,
    home,
    now,
  }: { database: Database; store: Pick<Store, 'blobs' | 'layout'>; home: string; now: () => number }) {
    this.#database = database;
    this.#store = store;
    this.#home = home;
    this.#now = now;
  }

  /** Stores a file's bytes, then its name; whoever reads sees all of it or what was there before. */
  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    checkPath(path);
    const dir = join(this.#home, 'uploads');
    mkdirSync(dir, { recursive: true });
    const temporary = join(dir, randomUUID());
    try {
      await pipeline(bytes, createWriteStream(temporary, { flags: 'wx', mode: 0o600 }));
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

  /** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
  async open(
    path: string,
  ): Promise<{ size: number; digest: Digest; stream: (from: number, to: number) => Readable }> {
    checkPath(path);
    const found = await this.#database.read(
      async (sql) =>
        (await uploaded(sql, path)) ?? (await this.#ofRecipe(sql, path)).find((file) => file.path === path),
    );
    if (found === undefined) throw missing(`No such artifact: '${path}'`);
    const { digest, size } = found;
    const state = await this.#store.blobs.verify(digest);
    if (state !== 'ok') throw missing(`The artifact '${path}' is ${state} in the store`);
    return {
      size,
      digest,
      stream: (start, end) => createReadStream(this.#store.blobs.path(digest), { start, end }),
    };
  }

  /** What lies directly below a folder, by name; a file has nothing below it. Paths are names. */
  async list(folder: string): Promise<FileInfo[]> {
    if (folder !== '') checkPath(folder);
    const prefix = folder === '' ? '' : `${folder}/`;
    const files = await this.#database.read(async (sql) => [
      ...(await this.#ofRecipe(sql, folder)),
      ...(await uploadedBelow(sql, prefix)),
    ]);
    const found = new Map<string, FileInfo>();
    for (const { path, size } of files) {
      if (!path.startsWith(prefix)) continue;
      const [name = '', ...rest] = path.slice(prefix.length).split('/');
      found.set(
        name,
        rest.length > 0 ? { path: name, is_dir: true } : { path: name, is_dir: false, file_size: size },
      );
    }
    return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Forgets a file, or all below a folder; what a recipe's run wrote stays. */
  async remove(path: string): Promise<void> {
    checkPath(path);
    const removed = await this.#database.write(async (sql) => {
      const files = [await uploaded(sql, path), ...(await uploadedBelow(sql, `${path}/`))].flatMap(
        (one) => one ?? [],
      );
      for (const file of files) await sql.run('DELETE FROM files WHERE path = ?', file.path);
      return files;
    });
    for (const file of removed) unpin(this.#store, this.#home, pinOf(file.path));
  }

  /** Files of the recipe's run that a path leads into, under the paths that clients use. */
  async #ofRecipe(sql: Sql, path: string): Promise<Stored[]> {
    const [, model] = /^models\/([0-9a-f]{64})(?:\/|$)/.exec(path) ?? [];
    if (model !== undefined) return this.#ofModel(sql, model as Digest);
    const [, reproduction] = /^reproductions\/([0-9a-f]{64})(?:\/|$)/.exec(path) ?? [];
    if (reproduction !== undefined) return this.#ofReproduction(sql, reproduction as Digest);
    const [, root, run] = /^(.*?([0-9a-f]{32})\/artifacts)(?:\/|$)/.exec(path) ?? [];
    if (root === undefined || run === undefined) return [];
    // A path of another experiment that ends alike is none of this run's.
    const rows = await sql.all(
      `SELECT a.path, a.digest, a.size, a.kind FROM artifacts a JOIN runs r USING (run_uuid) JOIN experiments e USING (experiment_id)
       WHERE run_uuid = ? AND coalesce(e.artifact_location, 'mlflow-artifacts:/' || CAST(e.experiment_id AS TEXT)) = ?`,
      run,
      `mlflow-artifacts:/${root.slice(0, -`/${run}/artifacts`.length)}`,
    );
    return rows.flatMap((row): Stored[] => {
      const at = `${root}/${String(row['path'])}`;
      const digest = row['digest'] as Digest;
      if (!isTree(row['kind'] as OutputKind)) return [{ path: at, digest, size: Number(row['size']) }];
      return readTree(this.#store.blobs, digest).files.map((file) => ({
        ...file,
        path: `${at}/${file.path}`,
      }));
    });
  }

  /** A registered model's files; of no other folder in the store. */
  async #ofModel(sql: Sql, digest: Digest): Promise<Stored[]> {
    if ((await sql.get('SELECT 1 AS found FROM model_versions WHERE model_digest = ?', digest)) === undefined)
      return [];
    return this.#filesOf(`models/${digest}`, digest);
  }

  /** What a registered version can be made from again. */
  async #ofReproduction(sql: Sql, digest: Digest): Promise<Stored[]> {
    const found = await sql.get(
      'SELECT 1 AS found FROM model_version_tags WHERE key = ? AND value = ?',
      REPRODUCTION_TAG,
      digest,
    );
    // Whoever sets tags gets no other folder of the store by it.
    const files = found === undefined ? [] : this.#filesOf(`reproductions/${digest}`, digest);
    return files.some(({ path }) => path === `reproductions/${digest}/${REPRODUCTION_FILE}`) ? files : [];
  }

  #filesOf(at: string, tree: Digest): Stored[] {
    return readTree(this.#store.blobs, tree).files.map((file) => ({ ...file, path: `${at}/${file.path}` }));
  }

  /** The digest of a folder that clients wrote, kept as one; undefined if there is none. */
  async digestOf(folder: string): Promise<{ digest: Digest; size: number } | undefined> {
    checkPath(folder);
    const files = await this.#database.read(async (sql) => [
      ...(await this.#ofRecipe(sql, folder)),
      ...(await uploadedBelow(sql, `${folder}/`)),
    ]);
    const below = files.filter(({ path }) => path.startsWith(`${folder}/`));
    if (below.length === 0) return undefined;
    const tree = below.map((file) => ({
      path: file.path.slice(folder.length + 1),
      digest: file.digest,
      size: file.size,
    }));
    const { blobs } = this.#store;
    const { digest } = await blobs.putDurably(treeText(tree));
    await blobs.settle();
    await pin(this.#store, this.#home, `model-${digest}`, [{ digest, kind: 'model' }]);
    return { digest, size: tree.reduce((sum, { size }) => sum + size, 0) };
  }
}

function pinOf(path: string): string {
  return `file-${digestOf(path)}`;
}

/** Bytes: what a database sorts by. */
const MAX_PATH = 2000;

/** Refuses what would be another path once it is tidied up, and what no file system or browser takes. */
export function checkPath(path: string): void {
  const segments = path.split('/');
  if (
    Buffer.byteLength(path) > MAX_PATH ||
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f\\]/.test(path) ||
    !path.isWellFormed() ||
    segments.some((one) => one === '' || one === '.' || one === '..')
  )
    throw invalid(`Invalid path: ${JSON.stringify(path.slice(0, 80))}`);
}

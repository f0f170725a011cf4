import { Readable } from 'node:stream';
import type { Digest } from '../core/ids.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { Database, Sql } from '../db/sql.ts';
import { REPRODUCTION_FILE } from '../engine/reproduction.ts';
import { digestOf } from '../store/hash.ts';
import type { Store } from '../store/store.ts';
import { readTree, treeText } from '../store/trees.ts';
import { missing } from '../tracking/mlflow/mlflow-error.ts';
import { spansFile } from '../tracking/mlflow/spans.ts';
import { filesOfTrace } from '../tracking/mlflow/traces.ts';
import type { VersionBlob, VersionPins } from '../tracking/version-pins.ts';
import { checkPath, isServersOwn, serversOwn } from './artifact-path.ts';
import { pathOfAddress } from './artifact-place.ts';
import { type ClientFiles, directlyBelow, type FileInfo, type ReadableFile } from './client-files.ts';
import { FilesInStore, type FilesInStoreOptions, openStored } from './files-in-store.ts';
import { REPRODUCED } from './reproduction-tag.ts';
import type { Stored } from './uploaded-files.ts';

export interface ArtifactsOptions extends FilesInStoreOptions {
  /** Where experiments without a place of their own keep artifacts. */
  readonly root: string;
  /** Where clients' files go, if not into the store. */
  readonly folder?: ClientFiles | undefined;
  readonly pins: VersionPins;
}

/**
 * Files that clients write, and what recipes' runs wrote, as one space of paths:
 * `<experiment>/<run>/artifacts/<path>`.
 */
export class Artifacts {
  readonly #database: Database;
  readonly #store: Pick<Store, 'blobs' | 'layout'>;
  readonly #pins: VersionPins;
  readonly #root: string;
  /** Where clients' files are looked for; new ones go into the first. */
  readonly #files: readonly [ClientFiles, ...ClientFiles[]];

  constructor(options: ArtifactsOptions) {
    this.#database = options.database;
    this.#store = options.store;
    this.#pins = options.pins;
    this.#root = options.root;
    const stored = new FilesInStore(options);
    this.#files = options.folder === undefined ? [stored] : [options.folder, stored];
  }

  /** Whoever reads sees all of it or what was there before. */
  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    checkPath(path);
    if (isServersOwn(path)) throw serversOwn(path);
    await this.#files[0].put(path, bytes);
  }

  /** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
  async open(path: string): Promise<ReadableFile> {
    checkPath(path);
    for (const files of this.#filesAt(path)) {
      const found = await files.open(path);
      if (found !== undefined) return found;
    }
    const files = await this.#database.read((sql) => this.#ofRecipe(sql, path));
    const found = files.find((file) => file.path === path);
    return found === undefined ? this.#openSpans(path) : openStored(this.#store, found);
  }

  async #openSpans(path: string): Promise<ReadableFile> {
    const none = missing(`No such artifact: '${path}'`);
    const [, folder, id] = /^(.*\/traces\/([^/]+)\/artifacts)\/traces\.json$/.exec(path) ?? [];
    if (id === undefined) throw none;
    const text = await this.#database.read(async (sql) => {
      const location = (await filesOfTrace(sql, id, this.#root)) ?? '';
      // A path of another experiment that ends alike is none of this trace's.
      return pathOfAddress(location, this.#root) === folder ? spansFile(sql, id) : undefined;
    });
    if (text === undefined) throw none;
    const bytes = Buffer.from(text);
    return {
      size: bytes.length,
      etag: `"${digestOf(bytes)}"`,
      stream: (from, to) => Readable.from([bytes.subarray(from, to + 1)]),
    };
  }

  /** What lies directly below a folder, by name; a file has nothing below it. Paths are names. */
  async list(folder: string): Promise<FileInfo[]> {
    if (folder !== '') checkPath(folder);
    const prefix = folder === '' ? '' : `${folder}/`;
    const ofRecipe = await this.#database.read((sql) => this.#ofRecipe(sql, folder));
    const found = new Map(directlyBelow(prefix, ofRecipe).map((file) => [file.path, file]));
    for (const files of this.#filesAt(folder).toReversed())
      for (const file of await files.list(folder)) found.set(file.path, file);
    return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Forgets a file, or all below a folder; what a recipe's run wrote stays. */
  async remove(path: string): Promise<void> {
    checkPath(path);
    for (const files of this.#files) await files.remove(path);
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
       WHERE run_uuid = ? AND coalesce(e.artifact_location, 'mlflow-artifacts:/' || CAST(e.experiment_id AS TEXT)) = ?
       ORDER BY a.path`,
      run,
      `mlflow-artifacts:/${root.slice(0, -`/${run}/artifacts`.length)}`,
    );
    const files = rows.flatMap((row): Stored[] => {
      const at = `${root}/${String(row['path'])}`;
      const digest = row['digest'] as Digest;
      if (!isTree(row['kind'] as OutputKind)) return [{ path: at, digest, size: Number(row['size']) }];
      return readTree(this.#store.blobs, digest).files.map((file) => ({
        ...file,
        path: `${at}/${file.path}`,
      }));
    });
    // Of a file in a folder and one of its own at that path the latter, which comes later, is the run's output.
    return [...new Map(files.map((file) => [file.path, file])).values()];
  }

  /** A registered model's files; of no other folder in the store. */
  async #ofModel(sql: Sql, digest: Digest): Promise<Stored[]> {
    if (
      (await sql.get('SELECT 1 AS found FROM models_by_digest WHERE model_digest = ?', digest)) === undefined
    )
      return [];
    return this.#filesOf(`models/${digest}`, digest);
  }

  /** What a registered version can be made from again. */
  async #ofReproduction(sql: Sql, digest: Digest): Promise<Stored[]> {
    const found = await sql.get(REPRODUCED, digest);
    // Whoever sets tags gets no other folder of the store by it.
    const files = found === undefined ? [] : this.#filesOf(`reproductions/${digest}`, digest);
    return files.some(({ path }) => path === `reproductions/${digest}/${REPRODUCTION_FILE}`) ? files : [];
  }

  /** Nobody's files stand before what the server itself names by its content. */
  #filesAt(path: string): readonly ClientFiles[] {
    return isServersOwn(path) ? [] : this.#files;
  }

  #filesOf(at: string, tree: Digest): Stored[] {
    return readTree(this.#store.blobs, tree).files.map((file) => ({ ...file, path: `${at}/${file.path}` }));
  }

  /** Once the row of a version is there whose folder `digestOf` has kept. */
  async keepModel(digest: Digest): Promise<void> {
    await this.#pins.keep({ kind: 'model', digest });
  }

  /** Once the rows of versions are gone that needed these. */
  async release(blobs: readonly VersionBlob[]): Promise<void> {
    await this.#pins.release(this.#database, blobs);
  }

  /** The digest of a folder that clients wrote, kept as one; undefined if there is none. */
  async digestOf(folder: string): Promise<{ digest: Digest; size: number } | undefined> {
    checkPath(folder);
    const ofRecipe = await this.#database.read((sql) => this.#ofRecipe(sql, folder));
    const found = new Map(ofRecipe.map((file) => [file.path, file]));
    for (const files of this.#filesAt(folder).toReversed())
      for (const file of await files.keep(folder)) found.set(file.path, file);
    const below = [...found.values()].filter(({ path }) => path.startsWith(`${folder}/`));
    if (below.length === 0) return undefined;
    const tree = below.map((file) => ({
      path: file.path.slice(folder.length + 1),
      digest: file.digest,
      size: file.size,
    }));
    const { blobs } = this.#store;
    const { digest } = await blobs.putDurably(treeText(tree));
    await blobs.settle();
    await this.#pins.keep({ kind: 'model', digest });
    return { digest, size: tree.reduce((sum, { size }) => sum + size, 0) };
  }
}

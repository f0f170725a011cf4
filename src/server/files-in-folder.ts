import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { hasCode } from '../core/recipe-error.ts';
import type { Store } from '../store/store.ts';
import { writeStream } from '../store/write-stream.ts';
import { invalid, MlflowError, missing } from '../tracking/mlflow/mlflow-error.ts';
import { fileInTheWay, isFolder, isPath, serversOwn } from './artifact-path.ts';
import type { ClientFiles, FileInfo, ReadableFile } from './client-files.ts';
import { isNotThere, OpenFolder } from './open-folder.ts';
import type { Stored } from './uploaded-files.ts';

/** What the server itself keeps in the folder; no artifact is there. */
export const OWN_FOLDER = '.stockpot-artifacts';
/** Names that lead to no file of clients: models and what they are made from again lie in the store, by digest. */
const RESERVED = new Set([OWN_FOLDER, 'models', 'reproductions']);
/** Half-written files, and those that are being removed. */
const PENDING = [OWN_FOLDER, 'pending'] as const;
/** What is half written is left alone for so long. */
const GRACE_MS = 24 * 3_600_000;

/** Without waiting for whoever writes into a pipe. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Found {
  readonly fd: number;
  readonly stats: Stats;
}

/**
 * Files in a folder in MLflow's layout, where others write too: `EXPERIMENT/RUN/artifacts/PATH`. Whatever they
 * put there, no link is followed and nothing outside is reached.
 */
export class FilesInFolder implements ClientFiles {
  readonly #dir: string;
  readonly #store: Pick<Store, 'blobs' | 'layout'>;

  /** @param dir a path without links */
  constructor({ dir, store }: { dir: string; store: Pick<Store, 'blobs' | 'layout'> }) {
    this.#dir = dir;
    this.#store = store;
  }

  /** Clears away what was left half written long ago, and makes the place for such. */
  async tidy(now: number): Promise<void> {
    using pending = await this.#pending();
    for (const { name } of pending.entries()) {
      const stats = lstatSync(pending.of(name), { throwIfNoEntry: false });
      if (stats !== undefined && now - stats.mtimeMs > GRACE_MS)
        rmSync(pending.of(name), { recursive: true, force: true });
    }
  }

  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const [segments, name] = partsOf(path);
    if (isReserved(path)) throw serversOwn(path);
    using pending = await this.#pending();
    const temporary = randomUUID();
    try {
      await writeStream(pending.of(temporary), bytes, { flags: 'wx', flush: true });
      using folder = await this.#make(segments);
      if (folder === undefined) throw fileInTheWay(path);
      renameSync(pending.of(temporary), folder.of(name));
      await folder.sync();
    } catch (error) {
      if (hasCode(error, 'EISDIR') || hasCode(error, 'ENOTEMPTY')) throw isFolder(path);
      throw refused(error, path);
    } finally {
      rmSync(pending.of(temporary), { force: true });
    }
  }

  async open(path: string): Promise<ReadableFile | undefined> {
    const found = this.#find(path);
    if (found === undefined) return undefined;
    closeSync(found.fd);
    const { size, mtimeMs, ino } = found.stats;
    return {
      size,
      etag: `W/"${ino}-${size}-${mtimeMs}"`,
      stream: (start, end) => this.#stream(path, found.stats, { start, end }),
    };
  }

  async list(folder: string): Promise<FileInfo[]> {
    if (isReserved(folder)) return [];
    using found = this.#at(folder === '' ? [] : folder.split('/'));
    if (found === undefined) return [];
    return found.entries().flatMap((entry): FileInfo[] => {
      const { name } = entry;
      if (!isPath(name) || (folder === '' && RESERVED.has(name))) return [];
      if (entry.isDirectory()) return [{ path: name, is_dir: true }];
      const stats = entry.isFile() ? lstatSync(found.of(name), { throwIfNoEntry: false }) : undefined;
      return stats?.isFile() ? [{ path: name, is_dir: false, file_size: stats.size }] : [];
    });
  }

  /** Out of the way first, so that nobody has it changed into something else while it is removed. */
  async remove(path: string): Promise<void> {
    if (isReserved(path)) return;
    const [segments, name] = partsOf(path);
    using folder = this.#at(segments);
    if (folder === undefined) return;
    using pending = await this.#pending();
    const removed = randomUUID();
    try {
      renameSync(folder.of(name), pending.of(removed));
    } catch (error) {
      if (isNotThere(error)) return;
      throw refused(error, path);
    }
    await folder.sync();
    rmSync(pending.of(removed), { recursive: true, force: true });
  }

  /** Copies them. */
  async keep(folder: string): Promise<Stored[]> {
    const { blobs, layout } = this.#store;
    const kept: Stored[] = [];
    for (const { path, is_dir } of await this.list(folder)) {
      const at = `${folder}/${path}`;
      if (is_dir) {
        kept.push(...(await this.keep(at)));
        continue;
      }
      const found = this.#find(at);
      if (found === undefined) continue;
      mkdirSync(layout.tmp, { recursive: true });
      const temporary = join(layout.tmp, randomUUID());
      try {
        await writeStream(temporary, createReadStream('', { fd: found.fd }), { flags: 'wx' });
        kept.push({ path: at, ...(await blobs.putFile(temporary)) });
      } finally {
        rmSync(temporary, { force: true });
      }
    }
    await blobs.settle();
    return kept;
  }

  /** A file that is open, for the caller to close; undefined if there is none, or it is none. */
  #find(path: string): Found | undefined {
    if (isReserved(path)) return undefined;
    const [segments, name] = partsOf(path);
    using folder = this.#at(segments);
    if (folder === undefined) return undefined;
    let fd: number;
    try {
      fd = openSync(folder.of(name), READ);
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw refused(error, path);
    }
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, stats };
    closeSync(fd);
    return undefined;
  }

  #stream(path: string, expected: Stats, part: { start: number; end: number }): Readable {
    const found = this.#find(path);
    if (found === undefined) throw missing(`No such artifact: '${path}'`);
    const { fd, stats } = found;
    if (stats.ino === expected.ino && stats.size === expected.size)
      return createReadStream('', { fd, ...part });
    closeSync(fd);
    throw missing(`The artifact '${path}' was changed meanwhile`);
  }

  #at(segments: readonly string[]): OpenFolder | undefined {
    try {
      using root = OpenFolder.open(this.#dir);
      return root.at(segments);
    } catch (error) {
      throw refused(error, segments.join('/'));
    }
  }

  async #make(segments: readonly string[]): Promise<OpenFolder | undefined> {
    using root = OpenFolder.open(this.#dir);
    return await root.make(segments);
  }

  async #pending(): Promise<OpenFolder> {
    using root = OpenFolder.open(this.#dir);
    const pending = await root.make(PENDING);
    if (pending === undefined) throw new Error(`Internal error: ${OWN_FOLDER} is no folder`);
    return pending;
  }
}

function isReserved(path: string): boolean {
  return RESERVED.has(path.split('/')[0] ?? '');
}

function partsOf(path: string): readonly [folder: readonly string[], name: string] {
  const segments = path.split('/');
  return [segments.slice(0, -1), segments.at(-1) ?? ''];
}

/** What the file system says, in words for whoever asked for a path. */
function refused(error: unknown, path: string): unknown {
  if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM'))
    return new MlflowError(
      'PERMISSION_DENIED',
      `The server itself may not do this to '${path}' on its disk`,
      {
        cause: error,
      },
    );
  if (hasCode(error, 'ENAMETOOLONG')) return invalid(`A name in '${path.slice(0, 80)}…' is too long`);
  if (isNotThere(error)) return missing(`'${path}' was removed or changed meanwhile`);
  return error;
}

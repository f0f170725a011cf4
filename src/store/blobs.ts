import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsync as fsyncCallback,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { digestFile, digestFileSync, digestOf } from './hash.ts';
import { makeFolder } from './in-folder.ts';
import { type CacheLayout, shardPath } from './layout.ts';
import { writeHashed } from './write-hashed.ts';

const fsync = promisify(fsyncCallback);

/** What is not longer is read at once. */
const SMALL_BYTES = 1 << 18;

/** A stored file and how its bytes lay when they were last known to be right. */
export interface BlobStamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** Remembers stamps between processes: a cache, deletable. */
export interface StampBook {
  get(digest: Digest): BlobStamp | undefined;
  set(digest: Digest, stamp: BlobStamp): void;
}

/** What who only reads needs of the blobs of a machine. */
export type ReadableBlobs = Pick<Blobs, 'size' | 'has' | 'path' | 'read' | 'verify'>;

/** Files by SHA-256 of their bytes. A file that is there under its digest was complete when it was named. */
export class Blobs {
  readonly #layout: CacheLayout;
  readonly #stamps: StampBook;
  /** Shard folders that got a new name since the last `settle`. */
  readonly #dirty = new Set<string>();
  #settling: Promise<unknown> = Promise.resolve();
  readonly #shards = new Set<string>();

  readonly #now: () => number;

  constructor(layout: CacheLayout, stamps: StampBook, now: () => number) {
    this.#layout = layout;
    this.#stamps = stamps;
    this.#now = now;
  }

  path(digest: Digest): string {
    return shardPath(this.#layout.cas, digest);
  }

  /** The blob's size, or undefined if it is not there. */
  size(digest: Digest): number | undefined {
    const stats = lstatSync(this.path(digest), { throwIfNoEntry: false });
    return stats?.isFile() ? stats.size : undefined;
  }

  has(digest: Digest, size: number): boolean {
    return this.size(digest) === size;
  }

  /**
   * The blob's bytes.
   *
   * @throws BlobDamaged if it is missing or does not hash to its name.
   */
  read(digest: Digest): Buffer {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.path(digest));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) throw new BlobDamaged(digest, 'missing');
      throw error;
    }
    if (digestOf(bytes) !== digest) {
      this.quarantine(digest);
      throw new BlobDamaged(digest, 'corrupt');
    }
    return bytes;
  }

  /** Checks a blob before it is lent: its stamp as recorded, or else its bytes. */
  async verify(digest: Digest): Promise<'ok' | 'missing' | 'corrupt'> {
    const path = this.path(digest);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) return 'missing';
    const stamp = this.#stamps.get(digest);
    if (stamp !== undefined && sameStamp(stamp, stats)) return 'ok';
    if ((await digestFile(path, stats.size)) !== digest) {
      this.quarantine(digest);
      return 'corrupt';
    }
    this.#stamps.set(digest, stats);
    return 'ok';
  }

  /** Whether the blob's bytes may have moved since they were last known to be right. */
  isTouched(digest: Digest): boolean {
    const stats = lstatSync(this.path(digest), { throwIfNoEntry: false });
    const stamp = this.#stamps.get(digest);
    return stats === undefined || stamp === undefined || !sameStamp(stamp, stats);
  }

  /** Takes a damaged blob out of use, keeping its bytes for a look. */
  quarantine(digest: Digest): void {
    mkdirSync(this.#layout.quarantine, { recursive: true });
    try {
      renameSync(this.path(digest), join(this.#layout.quarantine, `${digest}-${randomUUID()}`));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }

  /** Stores bytes that a power cut may take: what can be worked out again. */
  putBytes(data: string | Uint8Array): { digest: Digest; size: number } {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const digest = digestOf(bytes);
    if (this.#keep(digest, bytes.byteLength)) return { digest, size: bytes.byteLength };
    const temporary = this.#temporary();
    const fd = openSync(temporary, 'wx', 0o444);
    try {
      writeAll(fd, bytes);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
    this.#place(temporary, digest);
    return { digest, size: bytes.byteLength };
  }

  /** Stores bytes that survive a power cut once `settle` has resolved. */
  async putDurably(data: string | Uint8Array): Promise<{ digest: Digest; size: number }> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const digest = digestOf(bytes);
    if (this.#keep(digest, bytes.byteLength)) return { digest, size: bytes.byteLength };
    const temporary = this.#temporary();
    try {
      await writeDurably(temporary, bytes, 0o444, () => failpoint('blob.before-fsync'));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    this.#place(temporary, digest);
    this.#dirty.add(dirname(this.path(digest)));
    return { digest, size: bytes.byteLength };
  }

  /**
   * Moves a finished file in. The file at `path` is gone afterwards, except that on another disk it is
   * copied. Its size and time are compared before and after hashing.
   *
   * @throws Error if the file changed meanwhile. An fsync error is final.
   */
  async putFile(path: string): Promise<{ digest: Digest; size: number }> {
    const temporary = this.#temporary();
    moveOrCopy(path, temporary);
    failpoint('blob.after-move');
    return this.#take(temporary, path, () => true);
  }

  /** Gives a file of `cas/tmp` its name if that is what its bytes hash to. False: they do not. It is gone in any case. */
  async moveIn(path: string, digest: Digest): Promise<boolean> {
    return (await this.#take(path, path, (got) => got === digest)).digest === digest;
  }

  async #take(
    temporary: string,
    path: string,
    isWanted: (digest: Digest) => boolean,
  ): Promise<{ digest: Digest; size: number }> {
    const fd = openSync(temporary, 'r');
    try {
      const before = fstatSync(fd);
      // The kernel writes out what the step left in memory while this process hashes it.
      const written = fsync(fd);
      const digest = await digestFile(temporary, before.size);
      await written;
      const after = fstatSync(fd);
      if (after.size !== before.size || after.mtimeMs !== before.mtimeMs)
        throw new Error(`${path} was written to after the step had ended`);
      fchmodSync(fd, 0o444);
      failpoint('blob.before-rename');
      if (!isWanted(digest)) {
        rmSync(temporary, { force: true });
        return { digest, size: before.size };
      }
      if (await this.#keepVerified(digest, before.size)) rmSync(temporary, { force: true });
      else this.#place(temporary, digest);
      this.#dirty.add(dirname(this.path(digest)));
      return { digest, size: before.size };
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Stores a copy of a file that stays where it is. It fails as `putFile` does. */
  async putCopy(path: string): Promise<{ digest: Digest; size: number }> {
    // A third of the calls that a copy takes, and none of them in another thread.
    if (statSync(path).size <= SMALL_BYTES) return this.putDurably(readFileSync(path));
    const copy = this.#temporary();
    try {
      await copyFile(path, copy, constants.COPYFILE_FICLONE);
      // Whoever may read it as one of a group does not own it so.
      await chmod(copy, 0o600);
      return await this.putFile(copy);
    } finally {
      rmSync(copy, { force: true });
    }
  }

  /**
   * Stores bytes that come from elsewhere, as what they are said to be; false, and nothing is kept, if they are
   * not. They take the place of what is there, which may have decayed. Durable once `settle` has resolved.
   */
  async takeIn(digest: Digest, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
    const temporary = this.#temporary();
    try {
      const come = await writeHashed(temporary, bytes, { mode: 0o444, isDurable: true });
      if (come !== digest) return false;
      failpoint('blob.before-rename');
      this.#place(temporary, digest);
      this.#dirty.add(dirname(this.path(digest)));
      return true;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  /**
   * Resolves when all names given so far are durable: one fsync for each folder that changed. A failure is
   * final: whether the names are on the disk can no longer be known, so no later call resolves either.
   */
  async settle(): Promise<void> {
    const folders = [...this.#dirty];
    this.#dirty.clear();
    // Another attempt may have begun to settle a folder that this one needs.
    failpoint('blob.before-settle');
    this.#settling = Promise.all([this.#settling, ...folders.map(syncFolder)]);
    await this.#settling;
    failpoint('blob.after-settle');
  }

  /** A blob that is there already stays; its time is set to now, so that gc leaves it alone. */
  #keep(digest: Digest, size: number): boolean {
    const path = this.path(digest);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || stats.size !== size) return false;
    const stamp = this.#stamps.get(digest);
    if (stamp === undefined || !sameStamp(stamp, stats)) {
      if (digestFileSync(path) !== digest) return false;
      // Whoever named it may have died before the name was durable.
      this.#dirty.add(dirname(path));
    }
    this.#touch(digest);
    return true;
  }

  async #keepVerified(digest: Digest, size: number): Promise<boolean> {
    if (!this.has(digest, size) || (await this.verify(digest)) !== 'ok') return false;
    this.#touch(digest);
    return true;
  }

  #touch(digest: Digest): void {
    const fd = openSync(this.path(digest), 'r');
    try {
      const seconds = this.#now() / 1000;
      futimesSync(fd, seconds, seconds);
      this.#stamps.set(digest, fstatSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  #place(temporary: string, digest: Digest): void {
    const path = this.path(digest);
    const dir = dirname(path);
    if (!this.#shards.has(dir)) {
      // The name of a new folder is to last as well.
      if (makeFolder(dir, this.#layout.base)) this.#dirty.add(dirname(dir));
      this.#shards.add(dir);
    }
    renameSync(temporary, path);
    failpoint('blob.after-rename');
    this.#stamps.set(digest, lstatSync(path));
  }

  #temporary(): string {
    if (!this.#shards.has(this.#layout.tmp)) {
      makeFolder(this.#layout.tmp, this.#layout.base);
      this.#shards.add(this.#layout.tmp);
    }
    return join(this.#layout.tmp, randomUUID());
  }
}

/** A blob that a result names cannot be used. */
export class BlobDamaged extends Error {
  readonly digest: Digest;
  readonly damage: 'missing' | 'corrupt';

  constructor(digest: Digest, damage: 'missing' | 'corrupt') {
    super(`Blob ${digest} is ${damage}`);
    this.digest = digest;
    this.damage = damage;
  }
}

function sameStamp(a: BlobStamp, b: BlobStamp | Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;
}

/** Writes a file that must not be there yet, and waits until its bytes are on the disk. */
export async function writeDurably(
  path: string,
  bytes: Uint8Array,
  mode: number,
  beforeSync: () => void,
): Promise<void> {
  const fd = openSync(path, 'wx', mode);
  try {
    writeAll(fd, bytes);
    beforeSync();
    await fsync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done);
}

function moveOrCopy(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!hasCode(error, 'EXDEV')) throw error;
    copyFileSync(from, to);
  }
}

export async function syncFolder(dir: string): Promise<void> {
  const fd = openSync(dir, 'r');
  try {
    await fsync(fd);
  } finally {
    closeSync(fd);
  }
}

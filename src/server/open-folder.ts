import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fsync as fsyncCallback,
  mkdirSync,
  openSync,
  readdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasCode } from '../core/recipe-error.ts';

const fsync = promisify(fsyncCallback);

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Linux leads from here to what a process holds open, whatever that is called meanwhile. */
const HELD = '/proc/self/fd';
const isHeld = existsSync(HELD);

/**
 * A folder that is held open. Where the system can, what is reached through it lies in it even if somebody
 * puts a link in its place in the same moment. Links are never followed.
 */
export class OpenFolder implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /** @param path without links, as the administrator said it */
  static open(path: string): OpenFolder {
    return new OpenFolder(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
  }

  /** The folder at a path below this one; undefined if there is none, or a link or a file in its place. */
  at(segments: readonly string[]): OpenFolder | undefined {
    let found = this.#again();
    for (const name of segments) {
      using parent = found;
      const next = parent.#enter(name);
      if (next === undefined) return undefined;
      found = next;
    }
    return found;
  }

  /** The same, with folders that are missing made; their names are on the disk then. */
  async make(segments: readonly string[]): Promise<OpenFolder | undefined> {
    let found = this.#again();
    for (const name of segments) {
      using parent = found;
      if (parent.#create(name)) await parent.sync();
      const next = parent.#enter(name);
      if (next === undefined) return undefined;
      found = next;
    }
    return found;
  }

  /** An address for the file system of what has a name here; it holds as long as this folder is open. */
  of(name: string): string {
    return isHeld ? `${HELD}/${this.#fd}/${name}` : join(this.#path, name);
  }

  entries(): Dirent[] {
    return readdirSync(this.of('.'), { withFileTypes: true });
  }

  /** Resolves when the names in it are on the disk. */
  async sync(): Promise<void> {
    await fsync(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #enter(name: string): OpenFolder | undefined {
    checkName(name);
    try {
      const fd = openSync(this.of(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return new OpenFolder(fd, join(this.#path, name));
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    }
  }

  #again(): OpenFolder {
    return new OpenFolder(openSync(this.of('.'), O_RDONLY | O_DIRECTORY), this.#path);
  }

  /** False: something of that name is there. */
  #create(name: string): boolean {
    checkName(name);
    try {
      mkdirSync(this.of(name));
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    }
  }
}

/** Whoever walks along a path has checked it. */
function checkName(name: string): void {
  if (/^\.{0,2}$|\//.test(name)) throw new Error(`Internal error: ${JSON.stringify(name)} is no name`);
}

/** Whether the file system says that a path leads nowhere, or through a link or a file. */
export function isNotThere(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].some((code) => hasCode(error, code));
}

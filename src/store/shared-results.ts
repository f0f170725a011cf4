import { randomUUID } from 'node:crypto';
import { lstatSync, renameSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Fingerprint } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { type Blobs, syncFolder, writeDurably } from './blobs.ts';
import { digestOf } from './hash.ts';
import { textOf } from './if-there.ts';
import { makeFolder } from './in-folder.ts';
import { shardPath } from './layout.ts';
import { linkExclusively } from './link-exclusively.ts';
import { removeFile } from './remove-file.ts';

export interface SharedResult {
  readonly text: string;
  /** What tells it from another of the same fingerprint. */
  readonly version: string;
}

/** How long a result's last use may be out of date. */
const USED_EVERY_MS = 3_600_000;

/** Results in a folder that several processes, on several machines, write to: text that nobody here believes. */
export class SharedResults {
  readonly #dir: string;
  readonly #base: string;
  readonly #blobs: Blobs;

  /**
   * @param dir laid out as `shardPath` says
   * @param base what is there, and is not made
   */
  constructor(dir: string, base: string, blobs: Blobs) {
    this.#dir = dir;
    this.#base = base;
    this.#blobs = blobs;
  }

  read(fingerprint: Fingerprint): SharedResult | undefined {
    const text = textOf(shardPath(this.#dir, fingerprint));
    return text === undefined ? undefined : versioned(text);
  }

  /**
   * Writes a result where there is none, or, if `over` is given, only where that version still is; false if it
   * did not. All blobs stored so far are durable before the result gets its name.
   */
  async write(fingerprint: Fingerprint, text: string, over: string | undefined): Promise<boolean> {
    const path = shardPath(this.#dir, fingerprint);
    const dir = dirname(path);
    if (makeFolder(dir, this.#base)) await syncFolder(dirname(dir));
    await this.#blobs.settle();
    const temporary = join(dir, `.${randomUUID()}`);
    try {
      await writeDurably(temporary, Buffer.from(text), 0o644, () => undefined);
      if (over !== undefined && !takeAway(path, over, join(dir, `.${randomUUID()}`))) return false;
      if (!linkExclusively(temporary, path)) return false;
      await syncFolder(dir);
      return true;
    } finally {
      removeFile(temporary);
    }
  }

  /** Says that it was of use, which keeps it from gc for longer. */
  markUsed(fingerprint: Fingerprint, now: number): void {
    const path = shardPath(this.#dir, fingerprint);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || now - stats.mtimeMs < USED_EVERY_MS) return;
    try {
      utimesSync(path, now / 1000, now / 1000);
    } catch (error) {
      // Another took its place, or gc took it.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

/**
 * Takes a result's name away, if it is still this version. A name can be taken once, so that of several who
 * replace one version a single one goes on, on whatever machine. Whoever dies before the next has its name leaves
 * none, which is what a result that is to be replaced is worth.
 */
function takeAway(path: string, version: string, aside: string): boolean {
  const isIt = (at: string): boolean => {
    const text = textOf(at);
    return text !== undefined && versioned(text).version === version;
  };
  if (!isIt(path)) return false;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  const isTaken = isIt(aside);
  // Another has put its own there in between: it goes back, unless a third one is there already.
  if (!isTaken) linkExclusively(aside, path);
  removeFile(aside);
  return isTaken;
}

function versioned(text: string): SharedResult {
  return { text, version: digestOf(text) };
}

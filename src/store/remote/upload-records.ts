import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '../../core/json.ts';
import { isDiskFull } from '../disk-error.ts';
import { digestOf } from '../hash.ts';
import { textOf } from '../if-there.ts';
import type { CacheLayout } from '../layout.ts';
import { removeFile } from '../remove-file.ts';
import { Partials } from './partials.ts';

/** So long an upload that nobody has gone on with is kept: a bucket's own rule may end it as early. */
const UNFINISHED_MS = 7 * 24 * 3_600_000;
/** After so long nobody here will send anything to that bucket, and end it. */
export const FORGOTTEN_MS = 30 * 24 * 3_600_000;

/** An upload in parts that has begun. */
export interface Unfinished {
  /** Of the object: the same blob has others in other buckets. */
  readonly url: string;
  readonly key: string;
  readonly uploadId: string;
  /** Of each part but the last. */
  readonly partBytes: number;
}

/** What this machine knows of one upload until that has ended. Nobody else goes on with the upload meanwhile. */
export class UploadRecord implements Disposable {
  readonly #partials: Partials;
  readonly #url: string;
  readonly #path: string;

  private constructor(partials: Partials, url: string) {
    this.#partials = partials;
    this.#url = url;
    this.#path = partials.take(digestOf(url));
  }

  static take(layout: Pick<CacheLayout, 'tmp'>, url: string): UploadRecord {
    // With a lock of its own: one process may send the same blob for two steps.
    return new UploadRecord(new Partials(layout, 'upload'), url);
  }

  /** What was left by an upload that has not ended. */
  read(): Unfinished | undefined {
    const left = unfinishedIn(textOf(this.#path) ?? '');
    return left?.url === this.#url ? left : undefined;
  }

  write(unfinished: Unfinished): void {
    try {
      writeFileSync(this.#path, JSON.stringify(unfinished), { mode: 0o600 });
    } catch (error) {
      // What cannot be remembered is sent all the same.
      if (!isDiskFull(error)) throw error;
    }
  }

  /** It goes on now: milliseconds since the Unix epoch. */
  renew(now: number): void {
    utimesSync(this.#path, now / 1000, now / 1000);
  }

  /** Leaves the upload to whoever sends the blob next. */
  leave(): void {
    this.#partials.leave(this.#path, digestOf(this.#url));
  }

  remove(): void {
    removeFile(this.#path);
  }

  [Symbol.dispose](): void {
    this.#partials[Symbol.dispose]();
  }
}

export function isUploadRecord(path: string): boolean {
  return path.endsWith('.upload');
}

/** Takes the records of uploads that nobody has gone on with for a week, and that `isOurs` says can be ended. */
export function* takeOldUploads(
  layout: Pick<CacheLayout, 'tmp'>,
  now: number,
  isOurs: (unfinished: Unfinished) => boolean,
): Iterable<Unfinished> {
  using partials = new Partials(layout, 'upload');
  for (const name of partials.names()) {
    const path = join(layout.tmp, name);
    const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    const unfinished = now - mtimeMs <= UNFINISHED_MS ? undefined : unfinishedIn(textOf(path) ?? '');
    if (unfinished === undefined || !isOurs(unfinished)) continue;
    const taken = partials.takeAway(name);
    if (taken === undefined) continue;
    yield unfinished;
    removeFile(taken);
  }
}

/** Undefined: it was cut as it was written, or is another version's. */
function unfinishedIn(text: string): Unfinished | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return undefined;
    const { url, key, uploadId, partBytes } = value;
    if (typeof url !== 'string' || typeof key !== 'string' || typeof uploadId !== 'string') return undefined;
    if (typeof partBytes !== 'number' || !Number.isSafeInteger(partBytes)) return undefined;
    return { url, key, uploadId, partBytes };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

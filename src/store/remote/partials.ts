import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import { holdFile } from '../hold-file.ts';
import { namesIn } from '../if-there.ts';
import type { CacheLayout } from '../layout.ts';

/** Bytes of a blob that is fetched, or what is known of one that is sent. */
type Kind = 'part' | 'upload';

/** `<digest>.part` is anybody's, `<digest>.<holder>.part` that of who holds `<holder>.lock`. */
const NAMES: Readonly<Record<Kind, RegExp>> = {
  part: /^[0-9a-f]{64}(?:\.(?<holder>[0-9a-f-]{36}))?\.part$/,
  upload: /^[0-9a-f]{64}(?:\.(?<holder>[0-9a-f-]{36}))?\.upload$/,
};

/**
 * What has been done so far of what has not ended, in `cas/tmp`. Each file is written to by one process; what one left that
 * died, another goes on with.
 */
export class Partials implements Disposable {
  readonly #dir: string;
  readonly #kind: Kind;
  #holder: { readonly name: string; readonly lock: Disposable } | undefined;

  constructor({ tmp }: Pick<CacheLayout, 'tmp'>, kind: Kind) {
    this.#dir = tmp;
    this.#kind = kind;
  }

  /** A file that nobody else writes to; what was left under this digest before is in it. */
  take(digest: Digest): string {
    mkdirSync(this.#dir, { recursive: true });
    const holder = this.#held();
    // Without a lock nobody could tell that it is somebody's.
    const path = join(this.#dir, holder === undefined ? randomUUID() : `${digest}.${holder}.${this.#kind}`);
    for (const left of this.#leftOf(digest)) if (this.#hasTaken(left, path)) break;
    return path;
  }

  /** Leaves what there is to whoever wants to go on with it next. */
  leave(path: string, digest: Digest): void {
    tryRename(path, join(this.#dir, `${digest}.${this.#kind}`));
  }

  /** Names of all files, whosever they are. */
  names(): string[] {
    return namesIn(this.#dir).filter((name) => NAMES[this.#kind].test(name));
  }

  /** As `take`, for one of `names` of whatever digest; undefined: it is somebody's, or gone. */
  takeAway(name: string): string | undefined {
    const path = join(this.#dir, randomUUID());
    return this.#hasTaken(name, path) ? path : undefined;
  }

  #held(): string | undefined {
    if (this.#holder === undefined) {
      const name = randomUUID();
      const lock = holdFile(join(this.#dir, `${name}.lock`));
      if (lock !== undefined) this.#holder = { name, lock };
    }
    return this.#holder?.name;
  }

  /** What others have of it, the most first. */
  #leftOf(digest: Digest): string[] {
    return this.names()
      .filter((name) => name.startsWith(digest))
      .map((name) => ({ name, size: statSync(join(this.#dir, name), { throwIfNoEntry: false })?.size ?? 0 }))
      .toSorted((a, b) => b.size - a.size)
      .map(({ name }) => name);
  }

  /** Of several that want what one left, one gets it. */
  #hasTaken(name: string, path: string): boolean {
    const holder = NAMES[this.#kind].exec(name)?.groups?.['holder'];
    if (holder === undefined) return tryRename(join(this.#dir, name), path);
    using lock = holdFile(join(this.#dir, `${holder}.lock`));
    return lock !== undefined && tryRename(join(this.#dir, name), path);
  }

  [Symbol.dispose](): void {
    this.#holder?.lock[Symbol.dispose]();
    this.#holder = undefined;
  }
}

/** False: it is not there. */
function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return false;
  }
}

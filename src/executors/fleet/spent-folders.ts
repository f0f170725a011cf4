import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { every } from '../../core/every.ts';
import type { Clock } from '../../core/world.ts';

/** A worker that was given nothing more for so long has time to clean up. */
const REST_MS = 1000;
/** So many folders wait for that at most. */
const MOST = 256;
/** A folder with more bytes in it is not kept for a moment. */
const LIGHT_BYTES = 1 << 16;

/**
 * Folders of attempts that have ended. Making a folder or a file takes ext4 the longer, the more were removed within the
 * last five seconds: it looks at each of them. So those that hold next to nothing are removed once there is time.
 */
export class SpentFolders implements Disposable {
  readonly #clock: Clock;
  readonly #resting: Disposable;
  #spent: string[] = [];
  /** When the last came. On the monotonic clock. */
  #lastAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#resting = every(clock, REST_MS, () => {
      if (clock.monotonic() - this.#lastAt >= REST_MS) this.#removeAll();
    });
  }

  /** Removes a folder that nobody uses any more: at once, or in a moment. */
  readonly remove = (dir: string): void => {
    this.#lastAt = this.#clock.monotonic();
    if (!isLight(dir)) return remove(dir);
    this.#spent.push(dir);
    if (this.#spent.length >= MOST) this.#removeAll();
  };

  #removeAll(): void {
    const spent = this.#spent;
    this.#spent = [];
    spent.forEach(remove);
  }

  /** Removes all that waits. */
  [Symbol.dispose](): void {
    this.#resting[Symbol.dispose]();
    this.#removeAll();
  }
}

/** Whether there are a few bytes in it and no folder that has anything in it. */
function isLight(dir: string): boolean {
  try {
    let bytes = 0;
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) {
        if (readdirSync(path).length > 0) return false;
      } else bytes += lstatSync(path).size;
    }
    return bytes <= LIGHT_BYTES;
  } catch {
    // A step may take away what is its own, or its right to read it: whoever removes it says what is wrong.
    return false;
  }
}

function remove(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

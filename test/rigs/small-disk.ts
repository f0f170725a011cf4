import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Only what is used of it takes memory. */
const ROOM = 1 << 30;

/** A disk of its own, in memory, which can be full without a byte being written. Linux, as root. */
export class SmallDisk implements Disposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Why there can be none here, if so. */
  static missing(): string | undefined {
    using dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', dir.path], { encoding: 'utf8' });
    if (status !== 0) return `no disk can be mounted here: ${stderr}`;
    spawnSync('umount', [dir.path]);
    return undefined;
  }

  /** @param path a folder, which is hidden by it */
  static mount(path: string): SmallDisk {
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${ROOM}`, 'tmpfs', path], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`it cannot be mounted: ${stderr}`);
    return new SmallDisk(path);
  }

  /** Leaves so many bytes free. */
  fill(free: number): void {
    for (;;) {
      const { blocks, bfree, bsize } = statfsSync(this.path);
      // Refused if something was written meanwhile that does not fit.
      if (this.#resize((blocks - bfree) * bsize + free)) return;
    }
  }

  /** There is room again. */
  grow(): void {
    if (!this.#resize(ROOM)) throw new Error(`${this.path} does not grow`);
  }

  #resize(bytes: number): boolean {
    return spawnSync('mount', ['-o', `remount,size=${bytes}`, this.path]).status === 0;
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
  }
}

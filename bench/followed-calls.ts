import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What reaches a file server, each once or more. */
const CALLS =
  'openat,mkdir,rename,link,unlink,stat,lstat,statx,newfstatat,getdents64,fsync,utimensat,chmod,fchmod';

/** Counts calls of processes that name something in a folder, with strace. It makes them several times slower. */
export class FollowedCalls implements Disposable {
  readonly #folder: string;
  readonly #dir: string;
  readonly #tracers: { readonly who: string; readonly path: string; readonly child: ChildProcess }[] = [];

  /** @param dir for what strace writes */
  constructor(folder: string, dir: string) {
    this.#folder = folder;
    this.#dir = dir;
  }

  /** Resolves when its calls are seen. */
  async follow(who: string, pid: number): Promise<void> {
    const path = join(this.#dir, `${this.#tracers.length}`);
    const child = spawn('strace', ['-f', '-y', '-e', `trace=${CALLS}`, '-o', path, '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#tracers.push({ who, path, child });
    // It says that it is attached.
    await once(child.stderr, 'data');
    child.stderr.resume();
  }

  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { who, path } of this.#tracers)
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
        if (call === undefined || !line.includes(this.#folder)) continue;
        for (const name of [who, `${who}: ${call}`]) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    return counts;
  }

  [Symbol.dispose](): void {
    for (const { child } of this.#tracers) child.kill('SIGINT');
  }
}

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkpointOf } from '../../src/engine/kept-folders.ts';
import { SavedCheckpoint } from '../../src/executors/fleet/saved-checkpoints.ts';
import type { Remote } from '../../src/store/remote/remote.ts';
import type { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import { CacheMachine, FP, NOW } from './cache-machine.ts';

/** A machine whose worker trains, in front of a cache that machines share. What it has done is a text. */
export class Trainee implements Disposable {
  readonly machine = new CacheMachine();
  readonly cache: RemoteCache;
  readonly warnings: string[] = [];
  readonly #folder = checkpointOf(this.machine.home, FP);

  constructor(remote: Remote) {
    this.cache = this.machine.cacheOf(remote, {
      now: () => NOW,
      retryAfterMs: 0,
      onWarning: (line) => this.warnings.push(line),
    });
  }

  /** Begins an attempt, with what it goes on from in place. */
  async begin({ fresh = false } = {}): Promise<SavedCheckpoint> {
    const saved = new SavedCheckpoint(FP, {
      store: this.machine.store,
      shared: this.cache,
      home: this.machine.home,
      warn: (line) => this.warnings.push(line),
    });
    await saved.restore(fresh);
    return saved;
  }

  get done(): string | undefined {
    const path = join(this.#folder, 'deep/state');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  set done(text: string) {
    mkdirSync(join(this.#folder, 'deep'), { recursive: true });
    writeFileSync(join(this.#folder, 'deep/state'), text);
  }

  /** The disk is another, and nothing is on it. */
  lose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.machine[Symbol.dispose]();
  }
}

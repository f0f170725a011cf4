import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Digest } from '../../core/ids.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import type { World } from '../../core/world.ts';
import { cleanEnvironment } from '../../engine/attempt-environment.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import type { Store } from '../../store/store.ts';
import { attend, started } from '../local/spawn.ts';
import type { Parcel } from './parcel.ts';

/** What npm needs of a machine's own environment, beside its home: where packages come from. */
const FOR_NPM = /^(?:npm_config_.*|https?_proxy|no_proxy|node_extra_ca_certs)$/i;
const LAST_LINES = 12;
const GRACE_MS = 2000;
/** What is half made and older than that belongs to a worker that died. */
const STALE_MS = 86_400_000;

interface Making {
  readonly path: Promise<string>;
  /** Steps that wait for it. */
  waiting: number;
  readonly nobody: AbortController;
}

export interface EnvironmentRequest {
  readonly signal: AbortSignal;
  /** It is not there: npm begins, or has begun for another step. */
  readonly onMaking: () => void;
}

/** `node_modules` by the digest of a lock, made once on this machine. */
export class Environments implements AsyncDisposable {
  readonly #dir: string;
  readonly #store: Store;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #now: () => number;
  readonly #making = new Map<Digest, Making>();

  constructor(home: string, store: Store, { env, clock }: Pick<World, 'env' | 'clock'>) {
    this.#dir = join(home, 'environments');
    this.#store = store;
    this.#env = env;
    this.#now = () => clock.now();
  }

  /**
   * The folder whose `node_modules` has what the code of a parcel imports; undefined if it imports nothing. The
   * manifest and the lock must be in the store. npm is ended when every step that waits for it has left.
   *
   * @throws Error with npm's last lines; BlobDamaged; the reason of the signal
   */
  async of(parcel: Pick<Parcel, 'packages'>, request: EnvironmentRequest): Promise<string | undefined> {
    const { packages } = parcel;
    const { signal, onMaking } = request;
    if (packages?.lock === undefined) return undefined;
    const { manifest, lock } = packages;
    const path = join(this.#dir, `${lock}-${platform()}-${arch()}`);
    if (existsSync(path)) return path;
    const left = this.#making.get(lock);
    if (left?.nobody.signal.aborted === true) {
      // Everybody had left, and its npm is being ended: nothing comes of it.
      await unlessAborted(
        signal,
        left.path.catch(() => undefined),
      );
      return this.of(parcel, request);
    }
    onMaking();
    const making = this.#making.get(lock) ?? this.#begin(path, manifest, lock);
    making.waiting += 1;
    try {
      return await unlessAborted(signal, making.path);
    } finally {
      making.waiting -= 1;
      if (making.waiting === 0) making.nobody.abort();
    }
  }

  /** Resolves when no npm is under way any more, nor anything left of one that was ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#making.values()].map(({ path }) => path));
  }

  #begin(path: string, manifest: Digest, lock: Digest): Making {
    const nobody = new AbortController();
    const made = this.#make(path, { manifest, lock, signal: nobody.signal });
    const making: Making = { path: made.finally(() => this.#making.delete(lock)), waiting: 0, nobody };
    // Whoever waited may have left.
    making.path.catch(() => {});
    this.#making.set(lock, making);
    return making;
  }

  async #make(
    path: string,
    { manifest, lock, signal }: { manifest: Digest; lock: Digest; signal: AbortSignal },
  ): Promise<string> {
    const temporary = join(this.#dir, `.${randomUUID()}`);
    mkdirSync(temporary, { recursive: true });
    this.#removeStale();
    try {
      this.#copy(manifest, join(temporary, 'package.json'));
      this.#copy(lock, join(temporary, 'package-lock.json'));
      await this.#install(temporary, signal);
      try {
        renameSync(temporary, path);
      } catch (error) {
        // Another worker of this folder was first.
        if (!existsSync(path)) throw error;
      }
      return path;
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }

  #copy(digest: Digest, path: string): void {
    if (this.#store.blobs.size(digest) === undefined) throw new BlobDamaged(digest, 'missing');
    copyFileSync(this.#store.blobs.path(digest), path);
  }

  #removeStale(): void {
    for (const name of readdirSync(this.#dir).filter((one) => one.startsWith('.'))) {
      const since = statSync(join(this.#dir, name), { throwIfNoEntry: false })?.mtimeMs;
      if (since !== undefined && this.#now() - since > STALE_MS)
        rmSync(join(this.#dir, name), { recursive: true, force: true });
    }
  }

  async #install(cwd: string, signal: AbortSignal): Promise<void> {
    const own = Object.entries(this.#env).filter(
      ([name, value]) => FOR_NPM.test(name) && value !== undefined,
    );
    const env = {
      ...cleanEnvironment(this.#env),
      HOME: this.#env['HOME'] ?? cwd,
      ...Object.fromEntries(own),
    };
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = text(child.stderr).catch(() => '');
    const stderr = { drained: said, giveUp: () => void child.stderr.destroy() };
    const exit = await attend(started(child), [stderr], { signal, graceMs: GRACE_MS, onStart: () => {} });
    if (exit.kind === 'exited' && exit.code === 0) return;
    const lines = (await said).trim().split('\n').slice(-LAST_LINES).join('\n');
    const why =
      exit.kind === 'exited'
        ? `it exited with ${exit.code}`
        : exit.kind === 'signalled'
          ? exit.signal
          : exit.message;
    throw new Error(`npm ci could not make the environment of the step: ${lines || why}`);
  }
}

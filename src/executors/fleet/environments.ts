import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../../core/ids.ts';
import { cleanEnvironment } from '../../engine/attempt-environment.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import type { Store } from '../../store/store.ts';
import type { Parcel } from './parcel.ts';

/** What npm needs of a machine's own environment, beside its home: where packages come from. */
const FOR_NPM = /^(?:npm_config_.*|https?_proxy|no_proxy|node_extra_ca_certs)$/i;
const LAST_LINES = 12;

/** `node_modules` by the digest of a lock, made once on this machine. */
export class Environments {
  readonly #dir: string;
  readonly #store: Store;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #making = new Map<Digest, Promise<string>>();

  constructor(home: string, store: Store, env: Readonly<Record<string, string | undefined>>) {
    this.#dir = join(home, 'environments');
    this.#store = store;
    this.#env = env;
  }

  /**
   * The folder whose `node_modules` has what the code of a parcel imports; undefined if it imports nothing. The
   * manifest and the lock must be in the store.
   *
   * @throws Error with npm's last lines; BlobDamaged
   */
  async of({ packages }: Parcel): Promise<string | undefined> {
    if (packages?.lock === undefined) return undefined;
    const { manifest, lock } = packages;
    const path = join(this.#dir, `${lock}-${platform()}-${arch()}`);
    if (existsSync(path)) return path;
    let making = this.#making.get(lock);
    if (making === undefined) {
      making = this.#make(path, manifest, lock).finally(() => this.#making.delete(lock));
      this.#making.set(lock, making);
    }
    return making;
  }

  async #make(path: string, manifest: Digest, lock: Digest): Promise<string> {
    const temporary = join(this.#dir, `.${randomUUID()}`);
    mkdirSync(temporary, { recursive: true });
    try {
      this.#copy(manifest, join(temporary, 'package.json'));
      this.#copy(lock, join(temporary, 'package-lock.json'));
      await this.#install(temporary);
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

  async #install(cwd: string): Promise<void> {
    const own = Object.entries(this.#env).filter(
      ([name, value]) => FOR_NPM.test(name) && value !== undefined,
    );
    const env = {
      ...cleanEnvironment(this.#env),
      HOME: this.#env['HOME'] ?? cwd,
      ...Object.fromEntries(own),
    };
    try {
      await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd, env });
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string };
      const said = stderr.trim().split('\n').slice(-LAST_LINES).join('\n');
      throw new Error(`npm ci could not make the environment of the step: ${said || message}`, {
        cause: error,
      });
    }
  }
}

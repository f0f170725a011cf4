import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import { checkpointNoteOf, checkpointOf } from '../../engine/kept-folders.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import type { Flight } from '../../store/remote/remote.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { Store } from '../../store/store.ts';
import { readTree, type TreeFile, treeText, walkFolder } from '../../store/trees.ts';

/** Checkpoints are a fingerprint's, whichever flight they are of. */
const OF_ALL = '0'.repeat(32);

export interface CheckpointOptions {
  readonly store: Store;
  readonly shared: RemoteCache;
  /** The worker's: its own checkpoints lie below it. */
  readonly home: string;
}

/**
 * The checkpoint of one task, between this machine and the store that workers share: brought before an attempt,
 * put there every now and then and when the worker is told to end.
 */
export class SavedCheckpoint {
  readonly #options: CheckpointOptions;
  readonly #flight: Flight;
  readonly #folder: string;
  /** The newest that is known of in the store; what this machine's folder holds is not older. */
  #nth = 0;
  #last: Digest | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(fingerprint: Fingerprint, options: CheckpointOptions) {
    this.#options = options;
    this.#flight = { fingerprint, nonce: OF_ALL };
    this.#folder = checkpointOf(options.home, fingerprint);
  }

  /**
   * Lays out the newest checkpoint of the store, unless this machine's own comes after it.
   *
   * @param fresh whatever there is counts no more
   */
  async restore(fresh: boolean): Promise<void> {
    const records = await this.#options.shared.remote.readRecords(this.#flight);
    for (const name of records.keys())
      this.#nth = Math.max(this.#nth, Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0));
    const tree = records.get(`checkpoint-${this.#nth}`) ?? '';
    if (fresh) return this.forget();
    if (tree === '' || this.#nth <= this.#ownNth()) return;
    await this.#layOut(tree as Digest);
    this.#last = tree as Digest;
    this.#noteOwn();
  }

  /** Puts the folder as it is into the store, if it has changed. A file that vanishes meanwhile is left out. */
  async save(): Promise<void> {
    // One at a time, in order.
    this.#saving = this.#saving.catch(() => {}).then(() => this.#saveNow());
    await this.#saving;
  }

  async #saveNow(): Promise<void> {
    const { store, shared } = this.#options;
    if (!existsSync(this.#folder)) return;
    const files: TreeFile[] = [];
    for (const { path, executable } of walkFolder(this.#folder).files) {
      const kept = await this.#keep(join(this.#folder, path));
      if (kept !== undefined) files.push({ path, ...kept, ...(executable ? { executable: true } : {}) });
    }
    if (files.length === 0) return;
    const { digest } = store.blobs.putBytes(treeText(files));
    if (digest === this.#last) return;
    if (!(await shared.push([digest, ...files.map((file) => file.digest)]))) return;
    await this.#record(digest);
    this.#last = digest;
  }

  /** The task is done, or begun anew: nobody goes on from it. */
  async forget(): Promise<void> {
    if (this.#nth > 0) await this.#record('');
    rmSync(this.#ownPath, { force: true });
  }

  async #record(text: string): Promise<void> {
    while (
      !(await this.#options.shared.remote.writeRecord(this.#flight, `checkpoint-${this.#nth + 1}`, text))
    )
      this.#nth += 1;
    this.#nth += 1;
    if (text !== '') this.#noteOwn();
  }

  async #keep(path: string): Promise<{ digest: Digest; size: number } | undefined> {
    try {
      return await this.#options.store.blobs.putCopy(path);
    } catch (error) {
      if (hasCode(error, 'ENOENT') && lstatSync(path, { throwIfNoEntry: false }) === undefined)
        return undefined;
      throw error;
    }
  }

  async #layOut(digest: Digest): Promise<void> {
    const { store, shared } = this.#options;
    const { blobs } = store;
    const lost = await shared.bringAll([{ digest, kind: 'directory' }]);
    // Only time is lost with it.
    if (lost.length > 0) return;
    const fresh = `${this.#folder}-${randomUUID()}`;
    mkdirSync(fresh, { recursive: true });
    for (const { path, digest: file, executable } of readTree(blobs, digest).files) {
      const target = join(fresh, path);
      if (!target.startsWith(`${fresh}/`)) continue;
      const state = await blobs.verify(file);
      if (state !== 'ok') throw new BlobDamaged(file, state);
      mkdirSync(dirname(target), { recursive: true });
      // A copy of its own: the step goes on writing to it.
      copyFileSync(blobs.path(file), target, constants.COPYFILE_FICLONE);
      chmodSync(target, executable === true ? 0o755 : 0o644);
    }
    if (existsSync(this.#folder)) {
      const old = `${this.#folder}-${randomUUID()}`;
      renameSync(this.#folder, old);
      rmSync(old, { recursive: true, force: true });
    }
    renameSync(fresh, this.#folder);
  }

  /** Which checkpoint of the store this machine's folder goes on from. */
  #ownNth(): number {
    if (!existsSync(this.#folder)) return -1;
    try {
      return Number(readFileSync(this.#ownPath, 'utf8'));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 0;
      throw error;
    }
  }

  #noteOwn(): void {
    mkdirSync(dirname(this.#ownPath), { recursive: true });
    writeFileSync(this.#ownPath, String(this.#nth));
  }

  get #ownPath(): string {
    return checkpointNoteOf(this.#options.home, this.#flight.fingerprint);
  }
}

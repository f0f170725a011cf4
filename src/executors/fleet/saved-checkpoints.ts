import { randomUUID } from 'node:crypto';
import { chmodSync, constants, copyFileSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import { makePrivateFolder } from '../../store/private-folder.ts';
import { isRemoteProblem } from '../../store/remote/remote.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { Store } from '../../store/store.ts';
import { readTree, type TreeFile, treeText, walkFolder } from '../../store/trees.ts';
import { CheckpointRecords } from './checkpoint-records.ts';
import { OwnCheckpoint } from './own-checkpoint.ts';

export interface CheckpointOptions {
  readonly store: Pick<Store, 'blobs'>;
  readonly shared: RemoteCache;
  /** The worker's: its own checkpoints lie below it. */
  readonly home: string;
  /** Says something to whoever follows the step. */
  readonly warn: (message: string) => void;
}

/** What an attempt may go on from: a checkpoint of the store, or, without `tree`, the folder that is here. */
interface Candidate {
  readonly tree: Digest | undefined;
}

/**
 * The checkpoint of one task, between this machine and the store that workers share: brought before an attempt,
 * put there every now and then and when the worker is told to end.
 */
export class SavedCheckpoint {
  readonly #options: CheckpointOptions;
  readonly #records: CheckpointRecords;
  readonly #own: OwnCheckpoint;
  #last: Digest | undefined;
  /** What the store had when the attempt began. */
  #first: Digest | undefined;
  #isAdvanced = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(fingerprint: Fingerprint, options: CheckpointOptions) {
    this.#options = options;
    this.#records = new CheckpointRecords(options.shared.remote, fingerprint);
    this.#own = new OwnCheckpoint(options.home, fingerprint);
  }

  /**
   * Lays out the newest checkpoint that is whole, unless this machine's own comes after it.
   *
   * @param fresh whatever there is counts no more
   * @throws RemoteUnreachable, RemoteRefused if the store does not say what it has; all is as it was then
   */
  async restore(fresh: boolean): Promise<void> {
    const candidates = await this.#candidates(fresh);
    const lost = new Set<Digest>();
    let chosen: Candidate | undefined;
    let brought: string | undefined;
    for (const candidate of candidates) {
      const { tree } = candidate;
      if (tree !== undefined) brought = await this.#bring(tree);
      if (tree === undefined || brought !== undefined) chosen = candidate;
      if (chosen !== undefined) break;
      if (tree !== undefined) lost.add(tree);
    }
    if (lost.size > 0)
      this.#options.warn(
        `the newest checkpoint is not whole in ${this.#options.shared.remote.name}: the step ${chosen === undefined ? 'begins anew' : 'goes on from an older one'}`,
      );
    try {
      const saved = candidates.find(({ tree }) => tree !== undefined && !lost.has(tree))?.tree;
      const place = await this.#records.begin(saved);
      this.#first = saved;
      if (chosen !== undefined && chosen.tree === undefined) return this.#own.note(place);
      this.#own.replaceBy(brought, place);
      this.#last = saved;
    } finally {
      if (brought !== undefined) rmSync(brought, { recursive: true, force: true });
    }
  }

  /** What was saved since the attempt began is not what the store had then. */
  get isAdvanced(): boolean {
    return this.#isAdvanced;
  }

  /** Puts the folder as it is into the store, if it has changed. A file that vanishes meanwhile is left out. */
  async save(): Promise<void> {
    // One at a time, in order.
    this.#saving = this.#saving.catch(() => {}).then(() => this.#saveNow());
    await this.#saving;
  }

  /**
   * The task is done: nobody goes on from it. Whether or not the store hears of that, there is a result now that the
   * checkpoint does not know.
   */
  async forget(): Promise<void> {
    this.#own.remove();
    try {
      await this.#records.end();
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
    }
  }

  /** Newest first. */
  async #candidates(fresh: boolean): Promise<readonly Candidate[]> {
    const saved = await this.#records.read();
    if (fresh) return [];
    const own = this.#own.goesOnFrom();
    if (own === 'nothing') return [...saved, { tree: undefined }];
    if (own === undefined || !this.#records.counts(own)) return saved;
    const newer = saved.filter(
      ({ start, number }) => start > own.start || (start === own.start && number > own.number),
    );
    return [...newer, { tree: undefined }, ...saved.slice(newer.length)];
  }

  async #saveNow(): Promise<void> {
    const { store, shared } = this.#options;
    const { folder } = this.#own;
    if (!existsSync(folder)) return;
    const files: TreeFile[] = [];
    for (const { path, executable } of walkFolder(folder).files) {
      const kept = await this.#keep(join(folder, path));
      if (kept !== undefined) files.push({ path, ...kept, ...(executable ? { executable: true } : {}) });
    }
    if (files.length === 0) return;
    const { digest } = store.blobs.putBytes(treeText(files));
    if (digest === this.#last) return;
    if (!(await shared.push([digest, ...files.map((file) => file.digest)]))) return;
    this.#own.note(await this.#records.add(digest));
    this.#last = digest;
    if (digest !== this.#first) this.#isAdvanced = true;
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

  /**
   * A new folder with what was saved; undefined if the store has lost something of it.
   *
   * @throws RemoteUnreachable, RemoteRefused if it does not say so
   */
  async #bring(tree: Digest): Promise<string | undefined> {
    const { blobs } = this.#options.store;
    if (!(await this.#isHere([tree]))) return undefined;
    const { files } = readTree(blobs, tree);
    if (!(await this.#isHere(files.map(({ digest }) => digest)))) return undefined;
    const folder = `${this.#own.folder}-${randomUUID()}`;
    makePrivateFolder(folder);
    for (const { path, digest, executable } of files) {
      const target = join(folder, path);
      if (!target.startsWith(`${folder}/`)) continue;
      mkdirSync(dirname(target), { recursive: true });
      // A copy of its own: the step goes on writing to it.
      copyFileSync(blobs.path(digest), target, constants.COPYFILE_FICLONE);
      chmodSync(target, executable === true ? 0o755 : 0o644);
    }
    return folder;
  }

  /** Brings what is not here, and what has decayed here; false if that is lost. */
  async #isHere(digests: readonly Digest[]): Promise<boolean> {
    const { shared, store } = this.#options;
    for (const digest of digests) await store.blobs.verify(digest);
    const lost = await shared.need(digests.map((digest) => ({ digest, kind: 'file' })));
    return lost.length === 0;
  }
}

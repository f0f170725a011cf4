import { createReadStream, lstatSync, readFileSync } from 'node:fs';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import { type BlobStamp, Blobs } from '../blobs.ts';
import { FlightRecords } from '../flight-records.ts';
import { cacheLayout } from '../layout.ts';
import { SharedResults } from '../shared-results.ts';
import { sizesOf } from '../sizes-of.ts';
import {
  type Flight,
  type LocalFile,
  type PutOptions,
  type Remote,
  RemoteRefused,
  type RemoteResult,
  RemoteUnreachable,
} from './remote.ts';

/** A folder that machines share, as NFS gives it: laid out like a cache, names given exclusively by `link`. */
export class FolderRemote implements Remote {
  readonly name: string;
  readonly #blobs: Blobs;
  readonly #results: SharedResults;
  readonly #records: FlightRecords;
  readonly #now: () => number;

  constructor(root: string, now: () => number) {
    this.name = root;
    const layout = cacheLayout(root, root);
    this.#blobs = new Blobs(layout, new Map<Digest, BlobStamp>(), now);
    this.#results = new SharedResults(layout.results, layout.base, this.#blobs);
    this.#records = new FlightRecords(layout);
    this.#now = now;
  }

  async sizes(
    digests: readonly Digest[],
    { refresh }: { readonly refresh: boolean },
  ): Promise<ReadonlyMap<Digest, number>> {
    return this.#reaching(async () => sizesOf(this.#blobs, digests, refresh ? this.#now() : undefined));
  }

  async get(digest: Digest, from: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#reaching(async () => {
      if (this.#blobs.size(digest) === undefined) return undefined;
      return createReadStream(this.#blobs.path(digest), { start: from });
    });
  }

  async put(
    digest: Digest,
    { path, size }: LocalFile,
    { replace, mayBeLost = false, signal }: PutOptions,
  ): Promise<void> {
    const putting = this.#reaching(async () => {
      if (!replace && this.#blobs.has(digest, size)) return;
      if (mayBeLost) this.#blobs.putBytes(readFileSync(path));
      else await this.#blobs.putCopy(path);
    });
    await unlessAborted(signal, putting);
  }

  async readResult(fingerprint: Fingerprint): Promise<RemoteResult | undefined> {
    return this.#reaching(async () => this.#results.read(fingerprint));
  }

  async writeResult(
    fingerprint: Fingerprint,
    text: string,
    over: RemoteResult | undefined,
  ): Promise<boolean> {
    return this.#reaching(() => this.#results.write(fingerprint, text, over?.version));
  }

  async writeRecord(flight: Flight, name: string, text: string): Promise<boolean> {
    return this.#reaching(async () => this.#records.write(flight, name, text));
  }

  async readRecords(flight: Flight): Promise<ReadonlyMap<string, string>> {
    return this.#reaching(async () => this.#records.read(flight));
  }

  async removeRecords(flight: Flight, names: readonly string[]): Promise<void> {
    await this.#reaching(async () => this.#records.remove(flight, names));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #reaching<T>(work: () => Promise<T>): Promise<T> {
    try {
      // A folder that is not mounted is no empty cache, and is not made.
      lstatSync(this.name);
      return await work();
    } catch (error) {
      const problem = PROBLEMS.find((code) => hasCode(error, code));
      if (problem === undefined) throw error;
      const message = `${this.name}: ${(error as Error).message}`;
      throw REFUSALS.includes(problem)
        ? new RemoteRefused(message, { cause: error })
        : new RemoteUnreachable(message, { cause: error });
    }
  }
}

const REFUSALS = ['EACCES', 'EPERM', 'EROFS'];
const PROBLEMS = [
  ...REFUSALS,
  'ENOENT',
  'ENOTDIR',
  'ESTALE',
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'ETIMEDOUT',
  'EHOSTDOWN',
];

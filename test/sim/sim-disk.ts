import type { Digest, Fingerprint } from '../../src/core/ids.ts';
import { BlobDamaged, type ReadableBlobs } from '../../src/store/blobs.ts';
import { digestOf } from '../../src/store/hash.ts';
import { openIndex } from '../../src/store/index-db.ts';
import type { Received } from '../../src/store/remote/receive.ts';
import type { Remote } from '../../src/store/remote/remote.ts';
import type { Near } from '../../src/store/remote/remote-cache.ts';
import { partsOf, type Result } from '../../src/store/results.ts';

/** All bytes of a course by digest: who is given a path of a blob finds them here. */
export type Bytes = Map<Digest, Buffer>;

/** The store of one machine of a course, in memory: what is not a file, which a course does not wait for. */
export class SimDisk implements Near, Disposable {
  readonly index = openIndex(':memory:');
  readonly #all: Bytes;
  readonly #here = new Set<Digest>();
  readonly #results = new Map<Fingerprint, Result>();

  constructor(all: Bytes) {
    this.#all = all;
  }

  readonly blobs: ReadableBlobs & {
    readonly putBytes: (data: string | Uint8Array) => { digest: Digest; size: number };
  } = {
    path: (digest) => digest,
    size: (digest) => (this.#here.has(digest) ? this.#all.get(digest)?.length : undefined),
    has: (digest, size) => this.blobs.size(digest) === size,
    read: (digest) => {
      const bytes = this.#here.has(digest) ? this.#all.get(digest) : undefined;
      if (bytes === undefined) throw new BlobDamaged(digest, 'missing');
      return bytes;
    },
    verify: async (digest) => (this.#here.has(digest) ? 'ok' : 'missing'),
    putBytes: (data) => {
      const bytes = Buffer.from(data);
      const digest = digestOf(bytes);
      this.#all.set(digest, bytes);
      this.#here.add(digest);
      return { digest, size: bytes.length };
    },
  };

  readonly results = {
    bringToDisk: async (): Promise<void> => {},
    read: (fingerprint: Fingerprint): Result | undefined => this.#results.get(fingerprint),
    find: (fingerprint: Fingerprint): Result | undefined => {
      const found = this.#results.get(fingerprint);
      return found !== undefined && this.results.isComplete(found) ? found : undefined;
    },
    isComplete: (result: Result): boolean =>
      partsOf(result).every(({ digest, size }) => this.blobs.has(digest, size)),
    adopt: (result: Result): void => void this.#results.set(result.fingerprint, result),
    commit: async (result: Result, { replace }: { readonly replace: boolean }): Promise<Result> => {
      const there = replace ? undefined : this.results.find(result.fingerprint);
      if (there === undefined) this.#results.set(result.fingerprint, result);
      return there ?? result;
    },
  };

  async receive(remote: Remote, digest: Digest): Promise<Received> {
    const bytes = await remote.get(digest, 0);
    if (bytes === undefined) return 'missing';
    const got = Buffer.concat(await Array.fromAsync(bytes));
    if (digestOf(got) !== digest) return 'corrupt';
    this.#here.add(digest);
    return 'received';
  }

  [Symbol.dispose](): void {
    this.index.close();
  }
}

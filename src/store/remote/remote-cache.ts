import type { DatabaseSync } from 'node:sqlite';
import type { OutputRef } from '../../core/events.ts';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { isTree } from '../../core/kinds.ts';
import type { ReadableBlobs } from '../blobs.ts';
import { hasTree } from '../has-tree.ts';
import { blobsOf, haveSameOutputs, parseResult, partsOf, type Result } from '../results.ts';
import { readTree } from '../trees.ts';
import { checkRemote } from './check-remote.ts';
import { inLanes } from './in-lanes.ts';
import { type Mended, mendBlobs } from './mend-blobs.ts';
import { Reachability, type ReachabilityOptions } from './reachability.ts';
import type { Received } from './receive.ts';
import { RememberedResults } from './remembered-results.ts';
import type { Remote, RemoteResult } from './remote.ts';
import { type Accepted, isAccepted, type Signer } from './signing.ts';

/** The local cache that a remote stands behind. */
export interface Near {
  readonly blobs: ReadableBlobs;
  readonly index: DatabaseSync;
  /** Fetches a blob of a remote. */
  readonly receive: (remote: Remote, digest: Digest, onBytes: (count: number) => void) => Promise<Received>;
}

/** Something that a result names. */
type Named = Pick<OutputRef, 'digest' | 'kind'>;

export interface RemoteCacheOptions extends Omit<ReachabilityOptions, 'name'> {
  readonly accepted: Accepted;
  /** None: what is published is not signed. */
  readonly signer: Signer | undefined;
  readonly readOnly: boolean;
}

/** A blob travels beside so many others: each waits for the network and the disk. */
const LANES = 8;
/** As often a result is compared with what others write at the same place meanwhile. */
const TRIES = 5;
const HOUR_MS = 3_600_000;

/**
 * A cache that machines share, behind the one of this machine. A remote that is away is as good as empty, after
 * one warning: what it would have given is made again.
 */
export class RemoteCache {
  readonly remote: Remote;
  readonly #near: Near;
  readonly #options: RemoteCacheOptions;
  readonly #remembered: RememberedResults;
  readonly #reach: Reachability;
  #hasRefused = false;
  /** Blobs that were given corrupt or not at all: the results that name them are none any more. */
  readonly #damaged = new Set<Digest>();
  /** Blobs that were sent or found there, and when. */
  readonly #sent = new Map<Digest, number>();

  constructor(remote: Remote, near: Near, options: RemoteCacheOptions) {
    this.remote = remote;
    this.#near = near;
    this.#options = options;
    this.#remembered = new RememberedResults(near.index, remote.name, options.now);
    this.#reach = new Reachability({ ...options, name: remote.name });
  }

  /**
   * A result that can be used: by somebody whose results are taken, every blob there, or here, with its size.
   *
   * @param isFresh the remote is asked, whatever it said within the last hour
   * @param isMended somebody says that it is right now: what was damaged is believed again
   */
  async find(
    fingerprint: Fingerprint,
    { isFresh = false, isMended = false }: { readonly isFresh?: boolean; readonly isMended?: boolean } = {},
  ): Promise<Result | undefined> {
    const known = isFresh ? undefined : this.#remembered.get(fingerprint);
    if (known !== undefined && isAccepted(known, this.#options.accepted)) return known;
    return this.#reach.unlessAway(undefined, async () => {
      const result = this.#accepted(await this.remote.readResult(fingerprint), fingerprint);
      if (isMended && result !== undefined)
        for (const { digest } of partsOf(result)) this.#damaged.delete(digest);
      if (result === undefined || !(await this.#isComplete(result))) return undefined;
      this.#remembered.add(result);
      return result;
    });
  }

  /** Reads all that the remote has of these results, and says what is wrong with it. */
  async check(
    fingerprints: Iterable<Fingerprint>,
    onBytes: (count: number) => void,
  ): ReturnType<typeof checkRemote> {
    const { accepted } = this.#options;
    const nothing = { findings: [], results: 0, blobs: 0 };
    return this.#reach.unlessAway(nothing, () =>
      checkRemote(this.remote, fingerprints, { accepted, blobs: this.#near.blobs }, onBytes),
    );
  }

  /** Brings blobs that are not here. Gives those that could not be brought; the store is as it was for them. */
  async bring(digests: Iterable<Digest>, onBytes: (count: number) => void = () => {}): Promise<Digest[]> {
    const lost = this.#absent(digests);
    if (lost.size > 0) await this.#reach.unlessAway(undefined, () => this.#receive(lost, onBytes));
    return [...lost];
  }

  /** Brings what a result names, with what folders among it list. */
  async bringAll(outputs: Iterable<Named>, onBytes: (count: number) => void = () => {}): Promise<Digest[]> {
    const all = [...outputs];
    const lost = await this.bring(
      all.map(({ digest }) => digest),
      onBytes,
    );
    return [...lost, ...(await this.bring(this.#filesOf(all), onBytes))];
  }

  /**
   * As `bringAll`: those that it gives are lost, as the remote has said.
   *
   * @throws RemoteUnreachable, RemoteRefused if it did not say so of each
   */
  async need(outputs: Iterable<Named>, onBytes: (count: number) => void = () => {}): Promise<Digest[]> {
    const all = [...outputs];
    const lost: Digest[] = [];
    for (const wanted of [() => all.map(({ digest }) => digest), () => this.#filesOf(all)]) {
      const absent = this.#absent(wanted());
      if (absent.size > 0) {
        this.requireReachable();
        await this.#reach.asking(() => this.#receive(absent, onBytes));
      }
      lost.push(...absent);
    }
    return lost;
  }

  #absent(digests: Iterable<Digest>): Set<Digest> {
    const { blobs } = this.#near;
    return new Set([...digests].filter((digest) => blobs.size(digest) === undefined));
  }

  #filesOf(outputs: readonly Named[]): Digest[] {
    const { blobs } = this.#near;
    return outputs
      .filter(({ kind, digest }) => isTree(kind) && blobs.size(digest) !== undefined)
      .flatMap(({ digest }) => readTree(blobs, digest).files.map((file) => file.digest));
  }

  /** Takes out of the set what has come. */
  async #receive(wanted: Set<Digest>, onBytes: (count: number) => void): Promise<void> {
    await inLanes(LANES, [...wanted], async (digest) => {
      const received = await this.#near.receive(this.remote, digest, onBytes);
      if (received !== 'received') return this.#forget(digest);
      wanted.delete(digest);
      // Somebody has put it there anew.
      this.#damaged.delete(digest);
    });
  }

  /**
   * Puts a result and all that it names there, the result last. Another that is there already and can be used
   * wins, unless `replace`: then ours takes its place, and what it names is sent again, as it may be damaged.
   *
   * @throws the reason of the signal, if it is aborted while something is sent
   */
  async publish(
    result: Result,
    { replace, signal }: { readonly replace: boolean; readonly signal?: AbortSignal },
    onBytes: (count: number) => void = () => {},
  ): Promise<Result> {
    const { readOnly, signer } = this.#options;
    if (readOnly) return result;
    const signed = signer === undefined ? result : signer.sign(result);
    return this.#reach.unlessAway(result, async () => {
      let isSent = false;
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        const before = await this.remote.readResult(result.fingerprint);
        const there = replace ? undefined : this.#accepted(before, result.fingerprint);
        if (there !== undefined && haveSameOutputs(there, result))
          if ((await this.#isComplete(there)) && (await this.#isThere(there))) return there;
        if (!isSent) await this.#send(result, replace, onBytes, signal);
        isSent = true;
        if (!(await this.remote.writeResult(result.fingerprint, JSON.stringify(signed), before))) continue;
        this.#remembered.add(signed);
        return signed;
      }
      return result;
    });
  }

  /**
   * For whoever must tell `not there` from `not known`.
   *
   * @throws RemoteUnreachable if what was just asked was answered without asking the remote
   */
  requireReachable(): void {
    this.#reach.require();
  }

  /** Why it is away; undefined: it answered when it was last asked. */
  get problem(): string | undefined {
    return this.#reach.problem;
  }

  /** Those blobs that it has; none if it is away. */
  async which(digests: readonly Digest[]): Promise<readonly Digest[]> {
    const none: ReadonlyMap<Digest, number> = new Map();
    const sizes = await this.#reach.unlessAway(none, () => this.remote.sizes(digests, { refresh: false }));
    return digests.filter((digest) => sizes.has(digest));
  }

  get isReadOnly(): boolean {
    return this.#options.readOnly;
  }

  /** Puts blobs of this machine there that no result names yet. False: the remote is away. */
  async push(digests: Iterable<Digest>): Promise<boolean> {
    const { blobs } = this.#near;
    const since = this.#options.now() - HOUR_MS;
    const wanted = [...new Set(digests)].filter((digest) => (this.#sent.get(digest) ?? 0) < since);
    if (wanted.length === 0) return !this.#reach.isAway;
    return this.#reach.unlessAway(false, async () => {
      const there = await this.remote.sizes(wanted, { refresh: true });
      await inLanes(LANES, wanted, async (digest) => {
        const size = blobs.size(digest) ?? 0;
        if (there.get(digest) !== size)
          await this.remote.put(digest, { path: blobs.path(digest), size }, { replace: there.has(digest) });
        this.#sent.set(digest, this.#options.now());
      });
      return true;
    });
  }

  /** Puts a blob there in the place of one that somebody found damaged or missing. False: the remote is away. */
  async replace(digest: Digest): Promise<boolean> {
    const { blobs } = this.#near;
    const file = { path: blobs.path(digest), size: blobs.size(digest) ?? 0 };
    return this.#reach.unlessAway(false, async () => {
      await this.remote.put(digest, file, { replace: true });
      this.#damaged.delete(digest);
      this.#sent.set(digest, this.#options.now());
      return true;
    });
  }

  /**
   * As `push`, and what is there is read too, unless it is larger than so many bytes: what is damaged there and right here
   * is sent again. Undefined: the remote is away.
   */
  async mend(digests: Iterable<Digest>, mostBytes = Infinity): Promise<Mended | undefined> {
    const { blobs } = this.#near;
    return this.#reach.unlessAway(undefined, async () => {
      const isRead = (_: Digest, size: number): boolean => size <= mostBytes;
      const mended = await mendBlobs(this.remote, [...new Set(digests)], { blobs, isRead });
      for (const digest of mended.sent) this.#damaged.delete(digest);
      return mended;
    });
  }

  async #send(
    result: Result,
    again: boolean,
    onBytes: (count: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { blobs } = this.#near;
    // The task document is a blob by the name of the fingerprint: what `explain` compares, and no more.
    const document = result.fingerprint as string as Digest;
    const named = [...blobsOf(result, blobs), document];
    const wanted = named.filter((digest) => blobs.size(digest) !== undefined);
    const there = again ? new Map() : await this.remote.sizes(wanted, { refresh: true });
    await inLanes(LANES, wanted, async (digest) => {
      const size = blobs.size(digest) ?? 0;
      if (there.get(digest) === size && !this.#damaged.has(digest)) return;
      const replace = again || there.has(digest);
      const mayBeLost = digest === document;
      let told = 0;
      const tell = (count: number): void => {
        told += count;
        onBytes(count);
      };
      const file = { path: blobs.path(digest), size };
      await this.remote.put(digest, file, { replace, mayBeLost, onBytes: tell, signal });
      this.#damaged.delete(digest);
      tell(size - told);
    });
  }

  #accepted(found: RemoteResult | undefined, fingerprint: Fingerprint): Result | undefined {
    if (found === undefined) return undefined;
    const result = parseResult(found.text, fingerprint);
    if (result === undefined || isAccepted(result, this.#options.accepted)) return result;
    if (!this.#hasRefused)
      this.#options.onWarning(
        `results in ${this.remote.name} are signed by nobody whom \`accept:\` lists, and are not used`,
      );
    this.#hasRefused = true;
    return undefined;
  }

  async #isComplete(result: Result): Promise<boolean> {
    const { blobs } = this.#near;
    const files: { readonly digest: Digest; readonly size: number }[] = [];
    for (const { digest, size, kind } of partsOf(result))
      if (!isTree(kind)) files.push({ digest, size });
      else if (!hasTree(blobs, digest)) {
        // What a folder holds is in its list, which is small.
        if ((await this.bring([digest])).length > 0) return false;
        files.push(...readTree(blobs, digest).files);
      }
    if (files.some(({ digest }) => this.#damaged.has(digest))) return false;
    const far = files.filter(({ digest, size }) => !blobs.has(digest, size));
    const sizes = await this.remote.sizes(
      far.map(({ digest }) => digest),
      { refresh: false },
    );
    return far.every(({ digest, size }) => sizes.get(digest) === size);
  }

  /**
   * Whether others, who have nothing of a complete result, can use it: what is here is asked for too. What somebody here
   * found damaged is damaged until it is sent.
   */
  async #isThere(result: Result): Promise<boolean> {
    const { blobs } = this.#near;
    const here = [...blobsOf(result, blobs)].filter((digest) => blobs.size(digest) !== undefined);
    if (here.some((digest) => this.#damaged.has(digest))) return false;
    const sizes = await this.remote.sizes(here, { refresh: false });
    return here.every((digest) => sizes.get(digest) === blobs.size(digest));
  }

  /** What one blob of a remote lacks, others may lack too: all that is remembered of it is asked for again. */
  #forget(digest: Digest): void {
    this.#damaged.add(digest);
    this.#remembered.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#remembered[Symbol.dispose]();
    await this.remote[Symbol.asyncDispose]();
  }
}

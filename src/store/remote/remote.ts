import type { Digest, Fingerprint } from '../../core/ids.ts';

/**
 * A cache that several machines share: blobs by digest, results by fingerprint. What it gives is believed by
 * nobody: whoever fetches a blob hashes it, whoever reads a result checks its signature.
 *
 * Each call throws `RemoteUnreachable` if the remote does not answer, `RemoteRefused` if it says no.
 */
export interface Remote extends AsyncDisposable {
  /** As messages call it: `s3://bucket/prefix`. */
  readonly name: string;
  /**
   * Bytes of those blobs that are there. With `refresh` none of them becomes garbage within the next twelve
   * hours: for whoever is about to write a result that names them.
   */
  sizes(
    digests: readonly Digest[],
    options: { readonly refresh: boolean },
  ): Promise<ReadonlyMap<Digest, number>>;
  /** A blob's bytes from an offset on; undefined if it is not there. */
  get(digest: Digest, from: number): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Stores the bytes of a file that hash to `digest`. One that is there already may stay, unless `replace` says
   * that it is damaged. It is durable once a result is, unless it `mayBeLost`: then it may go with the power.
   *
   * @throws the reason of `signal`, soon after it is aborted; whether the blob is there then is not known
   */
  put(digest: Digest, file: LocalFile, options: PutOptions): Promise<void>;
  /** The result of a fingerprint as it was written; undefined if there is none. */
  readResult(fingerprint: Fingerprint): Promise<RemoteResult | undefined>;
  /**
   * Writes a result where there is none, or, if `over` is given, only where that one still is. False: there is
   * another. On a remote that cannot tell, the last writer wins.
   */
  writeResult(fingerprint: Fingerprint, text: string, over: RemoteResult | undefined): Promise<boolean>;
  /**
   * Writes a small record where none of that name is; false: there is one. `name`: `[a-z]+(-\d+)?`. On a remote
   * that cannot tell, the last writer wins.
   *
   * @throws RangeError if the flight or the name is none, or the text has over 64 KiB
   */
  writeRecord(flight: Flight, name: string, text: string): Promise<boolean>;
  /**
   * All records of a flight, by name; none if nobody wrote one. Never half a record, but after a loss of power
   * one may be gone, or empty. With `newest` those of the highest numbers are enough, so many.
   *
   * @throws RangeError if the flight is none
   */
  readRecords(flight: Flight, newest?: number): Promise<ReadonlyMap<string, string>>;
  /**
   * Takes records of a flight away; one that is not there is none already, and its name may be given again.
   *
   * @throws RangeError if the flight or a name is none
   */
  removeRecords(flight: Flight, names: readonly string[]): Promise<void>;
}

/** One try of the fleet at a task: what several workers may begin, one after another. */
export interface Flight {
  readonly fingerprint: Fingerprint;
  /** 32 hex digits. */
  readonly nonce: string;
}

export interface PutOptions {
  readonly replace: boolean;
  readonly mayBeLost?: boolean;
  /** Told of bytes that are there before all are, by remotes that know. */
  readonly onBytes?: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface LocalFile {
  readonly path: string;
  readonly size: number;
}

export interface RemoteResult {
  readonly text: string;
  /** What tells it from another at the same place. */
  readonly version: string;
}

/** The remote does not answer, or breaks off: what it holds is not known. */
export class RemoteUnreachable extends Error {
  override readonly name = 'RemoteUnreachable';
}

/** The remote answers, and does not allow it: a token that is wrong, a folder that is read-only. */
export class RemoteRefused extends Error {
  override readonly name = 'RemoteRefused';
}

/** Whether it is the remote that fails, and not the caller. */
export function isRemoteProblem(error: unknown): error is RemoteUnreachable | RemoteRefused {
  return error instanceof RemoteUnreachable || error instanceof RemoteRefused;
}

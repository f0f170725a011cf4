import { randomBytes } from 'node:crypto';
import type { Digest, Fingerprint } from '../../core/ids.ts';

/** What a message in a queue says: the task, and whose try it is. Never data, never secrets. */
export interface TaskMessage {
  readonly fingerprint: Fingerprint;
  /** The parcel itself if it is small, else the digest of the blob that it is. */
  readonly parcel: { readonly text: string } | { readonly blob: Digest };
  readonly nonce: string;
}

/** A worker's lock on a message, renewed while its process lives: what it has is given to another after that. */
export const LOCK_MS = 6000;
export const STALLED_MS = 3000;

/** Names of a fleet's keys. BullMQ's own begin with the prefix and the name of a queue. */
export class Keys {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /**
   * What runs: the worker that runs it, for as long as it says so. BullMQ keeps messages by the same ids under the names
   * of their queues, and none begins with `_`.
   */
  running(job: string): string {
    return `${this.prefix}:_run:${job}`;
  }

  /** What a flight writes while it goes on: a capped stream. */
  live(nonce: string): string {
    return `${this.prefix}:live:${nonce}`;
  }

  /** The runs that wait for a flight, by since when. */
  waiters(nonce: string): string {
    return `${this.prefix}:waiters:${nonce}`;
  }

  /** That a run which waits for something is driven. */
  here(run: string): string {
    return `${this.prefix}:here:${run}`;
  }

  /** The register of workers. */
  get workers(): string {
    return `${this.prefix}:workers`;
  }

  /** The register of what no worker has begun. */
  get waits(): string {
    return `${this.prefix}:waits`;
  }

  /** Names of queues that something was put into. */
  get queues(): string {
    return `${this.prefix}:queues`;
  }

  /** Channel of nonces whose flight nobody waits for any more. */
  get cancelled(): string {
    return `${this.prefix}:cancelled`;
  }

  /** Wakes one driver's reader. */
  wake(driver: string): string {
    return `${this.prefix}:wake:${driver}`;
  }
}

/** Tells one try at a task from another. */
export function newNonce(): string {
  return randomBytes(16).toString('hex');
}

/** Id of a message: one task is in the queue once. What replaces a result is a task of its own each time. */
export function jobId(
  { fingerprint, nonce }: Pick<TaskMessage, 'fingerprint' | 'nonce'>,
  replaces: boolean,
): string {
  return replaces ? `t-${fingerprint}-${nonce}` : `t-${fingerprint}`;
}

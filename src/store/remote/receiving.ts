import type { Digest } from '../../core/ids.ts';
import type { Blobs } from '../blobs.ts';
import type { CacheLayout } from '../layout.ts';
import { Partials } from './partials.ts';
import { type Received, receive } from './receive.ts';
import { isRemoteProblem, type Remote } from './remote.ts';

interface UnderWay {
  readonly remote: Remote;
  readonly received: Promise<Received>;
}

/** The blobs that this process fetches, each of them once at a time. */
export class Receiving implements Disposable {
  readonly #blobs: Blobs;
  readonly #partials: Partials;
  readonly #underWay = new Map<Digest, UnderWay>();

  constructor(blobs: Blobs, layout: CacheLayout) {
    this.#blobs = blobs;
    this.#partials = new Partials(layout, 'part');
  }

  /** As `receive`. Who waits for what another fetches is told of no bytes. */
  async receive(remote: Remote, digest: Digest, onBytes: (count: number) => void): Promise<Received> {
    for (let other = this.#underWay.get(digest); other !== undefined; other = this.#underWay.get(digest)) {
      const outcome = await outcomeOf(other, remote);
      if (outcome !== undefined) return outcome;
    }
    const received = receive(remote, digest, { blobs: this.#blobs, partials: this.#partials }, onBytes);
    this.#underWay.set(digest, { remote, received });
    try {
      return await received;
    } finally {
      this.#underWay.delete(digest);
    }
  }

  /** What is under way stays this process's until that has ended. */
  [Symbol.dispose](): void {
    if (this.#underWay.size === 0) this.#partials[Symbol.dispose]();
  }
}

/** What counts for another who wants the blob of a remote; undefined: it has to try for itself. */
async function outcomeOf({ remote, received }: UnderWay, wanted: Remote): Promise<Received | undefined> {
  try {
    const outcome = await received;
    return remote === wanted || outcome === 'received' ? outcome : undefined;
  } catch (error) {
    // Who was told to end does not end others.
    if (remote === wanted && isRemoteProblem(error)) throw error;
    return undefined;
  }
}

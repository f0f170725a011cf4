import { createHash } from 'node:crypto';
import type { Digest } from '../../core/ids.ts';
import type { ReadableBlobs } from '../blobs.ts';
import { inLanes } from './in-lanes.ts';
import { type Remote, RemoteUnreachable } from './remote.ts';

const LANES = 8;

/** What became of blobs that others are to find on a remote. */
export interface Mended {
  /** That were not there, or not right, and are now. */
  readonly sent: readonly Digest[];
  /** That are not right there, and not here. */
  readonly lost: readonly Digest[];
}

/**
 * Sends what is here and not on a remote, or there with another size, or, of what `isRead`, with other bytes.
 * Both lists are in the order of the digests.
 *
 * @throws RemoteUnreachable, RemoteRefused
 */
export async function mendBlobs(
  remote: Remote,
  digests: readonly Digest[],
  {
    blobs,
    isRead,
  }: { readonly blobs: ReadableBlobs; readonly isRead: (digest: Digest, size: number) => boolean },
): Promise<Mended> {
  const there = await remote.sizes(digests, { refresh: true });
  const [sent, lost] = [new Set<Digest>(), new Set<Digest>()];
  await inLanes(LANES, digests, async (digest) => {
    const [here, size] = [blobs.size(digest), there.get(digest)];
    if (size !== undefined && (here === undefined || size === here))
      if (!isRead(digest, size) || (await hashOf(remote, digest)) === digest) return;
    if (here !== undefined && (await blobs.verify(digest)) === 'ok') {
      await remote.put(digest, { path: blobs.path(digest), size: here }, { replace: true });
      sent.add(digest);
    } else lost.add(digest);
  });
  return {
    sent: digests.filter((digest) => sent.has(digest)),
    lost: digests.filter((digest) => lost.has(digest)),
  };
}

async function hashOf(remote: Remote, digest: Digest): Promise<string | undefined> {
  const bytes = await remote.get(digest, 0);
  if (bytes === undefined) return undefined;
  const hash = createHash('sha256');
  try {
    for await (const chunk of bytes) hash.update(chunk);
  } catch (error) {
    throw new RemoteUnreachable(`${remote.name}: ${(error as Error).message}`, { cause: error });
  }
  return hash.digest('hex');
}

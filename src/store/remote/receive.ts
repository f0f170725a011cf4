import { rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { failpoint } from '../../core/failpoint.ts';
import type { Digest } from '../../core/ids.ts';
import type { Blobs } from '../blobs.ts';
import { isDiskFull } from '../disk-error.ts';
import type { Partials } from './partials.ts';
import { type Remote, RemoteUnreachable } from './remote.ts';

/** A connection that breaks is made again so often, from where it broke. */
const TRIES = 3;

export type Received = 'received' | 'missing' | 'corrupt';

/**
 * Fetches a blob into the store. What has come of one whose way broke off is kept, and the next fetch begins after it, also
 * that of another process. Bytes that do not hash to the digest are thrown away; if they came in pieces, the blob is fetched
 * once more, whole.
 *
 * @throws RemoteUnreachable, RemoteRefused, what `onBytes` throws, and what the own disk says
 */
export async function receive(
  remote: Remote,
  digest: Digest,
  { blobs, partials }: { readonly blobs: Blobs; readonly partials: Partials },
  onBytes: (count: number) => void,
): Promise<Received> {
  const path = partials.take(digest);
  let isInPieces = sizeOf(path) > 0;
  let mayBeginAnew = true;
  for (let attempt = 1; ; attempt += 1)
    try {
      if (!(await append(remote, digest, path, onBytes))) {
        rmSync(path, { force: true });
        return 'missing';
      }
      if (await blobs.moveIn(path, digest)) return 'received';
      if (!isInPieces || !mayBeginAnew) return 'corrupt';
      mayBeginAnew = false;
    } catch (error) {
      isInPieces = true;
      if (error instanceof RemoteUnreachable && attempt < TRIES) continue;
      // What fills the disk keeps others from their work.
      if (isDiskFull(error)) rmSync(path, { force: true });
      else partials.leave(path, digest);
      throw error;
    }
}

/** What a name stands for never changes: the bytes after those that are here are right if those are. */
async function append(
  remote: Remote,
  digest: Digest,
  path: string,
  onBytes: (count: number) => void,
): Promise<boolean> {
  const bytes = await remote.get(digest, sizeOf(path));
  if (bytes === undefined) return false;
  await using file = await open(path, 'a', 0o600);
  for await (const chunk of broken(bytes, remote)) {
    // A disk that is about to be full takes a part of it, and then says so.
    await file.appendFile(chunk);
    failpoint('fetch.after-write');
    onBytes(chunk.byteLength);
  }
  return true;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What breaks the bytes off is the remote's fault, not the disk's that they are written to. */
async function* broken(bytes: AsyncIterable<Uint8Array>, { name }: Remote): AsyncIterable<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw new RemoteUnreachable(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import type { Blobs } from '../blobs.ts';
import type { CacheLayout } from '../layout.ts';
import { type Remote, RemoteUnreachable } from './remote.ts';

/** A connection that breaks is made again so often, from where it broke. */
const TRIES = 3;

export type Received = 'received' | 'missing' | 'corrupt';

/**
 * Fetches a blob into the store. What has come of one whose way broke off is kept, and the next fetch begins
 * after it. Bytes that do not hash to the digest are thrown away.
 *
 * @throws RemoteUnreachable, RemoteRefused, and what the own disk says
 */
export async function receive(
  remote: Remote,
  digest: Digest,
  { blobs, layout }: { readonly blobs: Blobs; readonly layout: CacheLayout },
  onBytes: (count: number) => void,
): Promise<Received> {
  const kept = join(layout.tmp, `${digest}.part`);
  const temporary = join(layout.tmp, randomUUID());
  mkdirSync(layout.tmp, { recursive: true });
  // Of several processes that go on with what is kept, one gets it.
  tryRename(kept, temporary);
  for (let attempt = 1; ; attempt += 1)
    try {
      const found = await append(remote, digest, temporary, onBytes);
      if (!found) {
        rmSync(temporary, { force: true });
        return 'missing';
      }
      const { digest: got } = await blobs.putFile(temporary);
      return got === digest ? 'received' : 'corrupt';
    } catch (error) {
      if (error instanceof RemoteUnreachable && attempt < TRIES) continue;
      tryRename(temporary, kept);
      throw error;
    }
}

async function append(
  remote: Remote,
  digest: Digest,
  path: string,
  onBytes: (count: number) => void,
): Promise<boolean> {
  const from = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const bytes = await remote.get(digest, from);
  if (bytes === undefined) return false;
  await using file = await open(path, 'a');
  for await (const chunk of broken(bytes, remote)) {
    await file.write(chunk);
    onBytes(chunk.byteLength);
  }
  return true;
}

/** What breaks the bytes off is the remote's fault, not the disk's that they are written to. */
async function* broken(bytes: AsyncIterable<Uint8Array>, { name }: Remote): AsyncIterable<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw new RemoteUnreachable(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

function tryRename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

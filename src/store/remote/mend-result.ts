import { createHash } from 'node:crypto';
import type { Digest } from '../../core/ids.ts';
import { isTree } from '../../core/kinds.ts';
import type { Blobs } from '../blobs.ts';
import { blobsOf, partsOf, type Result } from '../results.ts';
import { inLanes } from './in-lanes.ts';
import { type Remote, RemoteUnreachable } from './remote.ts';

const LANES = 8;

/**
 * For who cannot use a result that is on a remote: what is here of it and there not, or with another size, is
 * sent again. Of what every reader needs (lists of folders, figures, report, log) the bytes there are looked at
 * too; other files may be large, and whoever reads one notices.
 *
 * @returns whether all that was looked at is right now
 * @throws RemoteUnreachable, RemoteRefused
 */
export async function mendResult(remote: Remote, result: Result, blobs: Blobs): Promise<boolean> {
  const { outputs, report, log } = result;
  const read = [
    ...partsOf(result).filter(({ kind }) => isTree(kind)),
    ...Object.values(outputs).filter(({ kind }) => kind === 'metrics' || kind === 'value'),
    ...[report, log].filter((one) => one !== undefined),
  ].map(({ digest }) => digest);
  const sent = [...blobsOf(result, blobs)].filter((digest) => blobs.size(digest) !== undefined);
  const wanted = [...new Set([...read, ...sent])];
  const there = await remote.sizes(wanted, { refresh: true });
  let isWhole = true;
  await inLanes(LANES, wanted, async (digest) => {
    const size = blobs.size(digest);
    if (there.has(digest) && (size === undefined || there.get(digest) === size))
      if (!read.includes(digest) || (await hashOf(remote, digest)) === digest) return;
    if (size !== undefined && (await blobs.verify(digest)) === 'ok')
      await remote.put(digest, { path: blobs.path(digest), size }, { replace: true });
    else isWhole = false;
  });
  return isWhole;
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

import { isTree } from '../../core/kinds.ts';
import type { ReadableBlobs } from '../blobs.ts';
import { blobsOf, partsOf, type Result } from '../results.ts';
import { mendBlobs } from './mend-blobs.ts';
import type { Remote } from './remote.ts';

/**
 * For who cannot use a result that is on a remote: what is here of it and there not, or with another size, is
 * sent again. Of what every reader needs (lists of folders, figures, report, log) the bytes there are looked at
 * too; other files may be large, and whoever reads one notices.
 *
 * @returns whether all that was looked at is right now
 * @throws RemoteUnreachable, RemoteRefused
 */
export async function mendResult(remote: Remote, result: Result, blobs: ReadableBlobs): Promise<boolean> {
  const { outputs, report, log } = result;
  const read = new Set(
    [
      ...partsOf(result).filter(({ kind }) => isTree(kind)),
      ...Object.values(outputs).filter(({ kind }) => kind === 'metrics' || kind === 'value'),
      ...[report, log].filter((one) => one !== undefined),
    ].map(({ digest }) => digest),
  );
  const sent = [...blobsOf(result, blobs)].filter((digest) => blobs.size(digest) !== undefined);
  const wanted = [...new Set([...read, ...sent])];
  const { lost } = await mendBlobs(remote, wanted, { blobs, isRead: (digest) => read.has(digest) });
  return lost.length === 0;
}

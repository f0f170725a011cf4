import { createHash } from 'node:crypto';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import type { ReadableBlobs } from '../blobs.ts';
import { blobsOf, parseResult } from '../results.ts';
import type { Remote } from './remote.ts';
import { type Accepted, isAccepted } from './signing.ts';

export type RemoteFinding =
  | { readonly kind: 'result-unreadable' | 'result-not-accepted'; readonly fingerprint: Fingerprint }
  | {
      readonly kind: 'blob-missing' | 'blob-corrupt';
      readonly digest: Digest;
      readonly fingerprint: Fingerprint;
    };

/** Reads the results of these fingerprints that a remote has, and every byte that they name. */
export async function checkRemote(
  remote: Remote,
  fingerprints: Iterable<Fingerprint>,
  { accepted, blobs }: { readonly accepted: Accepted; readonly blobs: ReadableBlobs },
  onBytes: (count: number) => void,
): Promise<{ readonly findings: RemoteFinding[]; readonly results: number; readonly blobs: number }> {
  const findings: RemoteFinding[] = [];
  const checked = new Set<Digest>();
  let results = 0;
  for (const fingerprint of fingerprints) {
    const found = await remote.readResult(fingerprint);
    if (found === undefined) continue;
    results += 1;
    const result = parseResult(found.text, fingerprint);
    if (result === undefined || !isAccepted(result, accepted)) {
      findings.push({
        kind: result === undefined ? 'result-unreadable' : 'result-not-accepted',
        fingerprint,
      });
      continue;
    }
    for (const digest of blobsOf(result, blobs)) {
      if (checked.has(digest)) continue;
      checked.add(digest);
      const problem = await checkBlob(remote, digest, onBytes);
      if (problem !== undefined) findings.push({ kind: problem, digest, fingerprint });
    }
  }
  return { findings, results, blobs: checked.size };
}

async function checkBlob(
  remote: Remote,
  digest: Digest,
  onBytes: (count: number) => void,
): Promise<'blob-missing' | 'blob-corrupt' | undefined> {
  const bytes = await remote.get(digest, 0);
  if (bytes === undefined) return 'blob-missing';
  const state = createHash('sha256');
  for await (const chunk of bytes) {
    state.update(chunk);
    onBytes(chunk.byteLength);
  }
  return state.digest('hex') === digest ? undefined : 'blob-corrupt';
}

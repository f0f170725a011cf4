import type { Digest, Fingerprint } from '../core/ids.ts';
import { BlobDamaged } from './blobs.ts';
import { digestFile } from './hash.ts';
import type { Store } from './store.ts';
import { listBlobs, listResults } from './walk-cache.ts';

export type Finding =
  | { readonly kind: 'blob-corrupt'; readonly digest: Digest }
  | { readonly kind: 'result-unreadable'; readonly fingerprint: Fingerprint }
  | { readonly kind: 'result-incomplete'; readonly fingerprint: Fingerprint; readonly step: string };

/** Reads every blob and checks every result. A corrupt blob is set aside: what needs it is made again. */
export async function checkCache(
  store: Store,
  progress: (done: number, total: number) => void,
): Promise<{ findings: Finding[]; blobs: number; results: number; bytes: number }> {
  const findings: Finding[] = [];
  const blobs = listBlobs(store.layout);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const { digest, size } of blobs) {
    if ((await digestFile(store.blobs.path(digest), size)) !== digest) {
      findings.push({ kind: 'blob-corrupt', digest });
      store.blobs.quarantine(digest);
    }
    done += size;
    progress(done, total);
  }
  const results = listResults(store.layout, store.results);
  for (const { fingerprint, result } of results) {
    if (result === undefined) findings.push({ kind: 'result-unreadable', fingerprint });
    else if (!isComplete(store, result) && !isElsewhere(store, fingerprint))
      findings.push({ kind: 'result-incomplete', fingerprint, step: result.producer.step });
  }
  return { findings, blobs: blobs.length, results: results.length, bytes: total };
}

/** Whether it came from a shared cache, where its blobs are. */
function isElsewhere({ index }: Store, fingerprint: Fingerprint): boolean {
  const known = index.prepare('SELECT 1 FROM remote_result WHERE fingerprint = ?').get(fingerprint);
  return known !== undefined;
}

function isComplete(store: Store, result: Parameters<Store['results']['isComplete']>[0]): boolean {
  try {
    return store.results.isComplete(result);
  } catch (error) {
    if (error instanceof BlobDamaged) return false;
    throw error;
  }
}

import type { OutputRef, ReportEntry } from '../core/events.ts';
import { unlessAborted } from '../core/unless-aborted.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';

/** What is less comes before anybody wonders. */
const REPORT_BYTES = 4 << 20;

/**
 * Brings what a step needs from the cache that machines share, and says how far it is.
 *
 * @throws the reason of the signal, once it is aborted; what came until then is kept for the next time
 */
export async function bringInputs(
  inputs: readonly Pick<OutputRef, 'digest' | 'kind'>[],
  shared: Pick<RemoteCache, 'bringAll'>,
  { report, signal }: { readonly report: (entry: ReportEntry) => void; readonly signal?: AbortSignal },
): Promise<void> {
  let done = 0;
  let said = 0;
  const say = (total: { readonly total?: number }): void => {
    said = done;
    report({ type: 'progress', done, ...total, unit: 'bytes', of: 'inputs' });
  };
  const bringing = shared.bringAll(inputs, (bytes) => {
    signal?.throwIfAborted();
    done += bytes;
    if (done - said >= REPORT_BYTES) say({});
  });
  // Nobody waits for a remote from which no more bytes come.
  await unlessAborted(signal, bringing);
  if (said > 0) say({ total: done });
}

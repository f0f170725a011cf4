import type { OutputRef, ReportEntry } from '../../core/events.ts';
import type { Clock } from '../../core/world.ts';
import { bringInputs } from '../../engine/bring-inputs.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { LiveWriter } from './live.ts';

/** What whoever watches a worker is told of a fetch that takes a while: that it goes on, and that all has come. */
export type FetchLine = { readonly type: 'fetching' } | { readonly type: 'fetched'; readonly bytes: number };

export interface InputFetch {
  readonly shared: Pick<RemoteCache, 'need'>;
  readonly clock: Clock;
  /** Where who waits for the task hears of it. */
  readonly live: Pick<LiveWriter, 'push'>;
  readonly onLine: (line: FetchLine) => void;
  readonly signal: AbortSignal;
}

/** So often it is said how far a fetch is; of one that ends sooner nothing is. */
const SAY_MS = 1000;

/**
 * Brings what a task needs to a worker, and says how far it is.
 *
 * @throws RemoteUnreachable, RemoteRefused; the reason of the signal, once it is aborted: what came until then is kept
 */
export async function fetchInputs(
  needed: readonly Pick<OutputRef, 'digest' | 'kind'>[],
  { shared, clock, live, onLine, signal }: InputFetch,
): Promise<void> {
  let saidAt = clock.monotonic();
  let isSaid = false;
  const report = (entry: ReportEntry): void => {
    if (entry.type !== 'progress') return;
    const isWhole = entry.total !== undefined;
    const now = clock.monotonic();
    if (isWhole ? !isSaid : now - saidAt < SAY_MS) return;
    live.push({ type: 'report', entry });
    if (isWhole) onLine({ type: 'fetched', bytes: entry.done });
    else if (!isSaid) onLine({ type: 'fetching' });
    [saidAt, isSaid] = [now, true];
  };
  const bringAll: RemoteCache['bringAll'] = async (outputs, onBytes) => shared.need(outputs, onBytes);
  await bringInputs(needed, { bringAll }, { report, signal });
}

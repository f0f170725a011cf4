import type { Result } from '../store/results.ts';
import type { Store } from '../store/store.ts';

/** Most of a log that is said again when its step comes from the cache; `recipe logs` has all of it. */
const MAX_REPLAYED = 16 * 1024;

/** The end of the log of a cached step. */
export function replayLog(store: Store, { log }: Result): string[] {
  if (log === undefined) return [];
  const text = store.blobs.read(log.digest).toString('utf8');
  if (text.length <= MAX_REPLAYED) return [text];
  const end = text.slice(-MAX_REPLAYED);
  return [`[${text.length - MAX_REPLAYED} more characters: recipe logs]\n`, end.slice(end.indexOf('\n') + 1)];
}

import type { Clock } from './world.ts';

/**
 * Does something again and again, so long after it was done last, until disposed of: `dispose` lets what is being
 * done go on, `asyncDispose` waits for it. `work` must not fail.
 */
export function every(
  clock: Clock,
  ms: number,
  work: () => Promise<void> | void,
): Disposable & AsyncDisposable {
  const over = new AbortController();
  const going = (async () => {
    while (!over.signal.aborted) {
      await clock.sleep(ms, over.signal).catch(() => {});
      if (!over.signal.aborted) await work();
    }
  })();
  return {
    [Symbol.dispose]: () => over.abort(),
    [Symbol.asyncDispose]: () => {
      over.abort();
      return going;
    },
  };
}

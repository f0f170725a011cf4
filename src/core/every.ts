import type { Clock } from './world.ts';

/** Made once: an attempt has several of these, and an error of its own takes longer than all else here. */
const OVER = new Error('it is over');

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
    [Symbol.dispose]: () => over.abort(OVER),
    [Symbol.asyncDispose]: () => {
      over.abort(OVER);
      return going;
    },
  };
}

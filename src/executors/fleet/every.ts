import type { Clock } from '../../core/world.ts';

/** Does something again and again, so long after it was done last, until disposed of. */
export function every(clock: Clock, ms: number, work: () => Promise<void> | void): Disposable {
  const over = new AbortController();
  void (async () => {
    while (!over.signal.aborted) {
      await clock.sleep(ms, over.signal).catch(() => {});
      if (!over.signal.aborted) await work();
    }
  })();
  return { [Symbol.dispose]: () => over.abort() };
}

import { takersOf, type WaitState, type WorkerState } from './presence.ts';

/** A run may have two tasks in any case: so that one is there when the other ends. */
const LEAST = 2;

/**
 * How many tasks a run may have in its queues at once: twice what their workers run, so that none of these waits for
 * a driver, shared by the runs that have something there.
 */
export function fairShare(
  run: string,
  queues: readonly string[],
  { workers, waits }: { readonly workers: readonly WorkerState[]; readonly waits: readonly WaitState[] },
): number {
  const running = workers.flatMap((worker) => worker.running);
  const share = queues.reduce((sum, queue) => {
    const places = takersOf(queue, workers).reduce((all, { concurrency }) => all + concurrency, 0);
    const there = [...waits, ...running].filter((one) => one.queue === queue);
    return sum + (2 * places) / new Set([run, ...there.map((one) => one.run)]).size;
  }, 0);
  return Math.max(LEAST, Math.floor(share));
}

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 100;

/** Looks again and again, for a minute at the most. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const most = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > most) throw new Error(`a minute later this is not so: ${what}`);
    await sleep(LOOK_MS);
  }
}

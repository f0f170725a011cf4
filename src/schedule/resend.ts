/** What could not be told for so long is told to nobody. */
const GIVEN_UP_AFTER_MS = 24 * 3_600_000;
const MAX_WAIT_MS = 15 * 60_000;

export interface Attempted {
  /** When there first was something to tell; as all times here in milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly now: number;
  /** So far, this one too. */
  readonly attempts: number;
  /** From 0 to below 1. */
  readonly random: number;
}

/** When an attempt that came to nothing is made again: later and later. Undefined: never. */
export function nextAttempt({ createdAt, now, attempts, random }: Attempted): number | undefined {
  if (now - createdAt >= GIVEN_UP_AFTER_MS) return undefined;
  // Those that failed together do not come back together.
  const wait = 1000 * 2 ** Math.min(attempts - 1, 20) + random * 1000;
  return now + Math.round(Math.min(MAX_WAIT_MS, wait));
}

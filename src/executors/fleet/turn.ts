import type { Priority } from '../../core/priority.ts';

/** So much earlier others may have been put into a queue that go first all the same. */
const YIELDS_MS: Readonly<Record<Priority, number>> = { high: 0, normal: 3_600_000, low: 4 * 3_600_000 };
/** Of two whose instants lie in one slot, the first that was put into the queue goes first. */
const SLOT_MS = 600_000;
/** The first slot. The last begins in 2065. */
const FIRST_AT = Date.UTC(2026, 0, 1);
/** The highest number that BullMQ takes. */
const MOST = 2 ** 21 - 1;

/**
 * The turn of a task that has waited since `since`, in milliseconds since the Unix epoch: of those in a queue the
 * lowest is begun first. It never changes, and turns of tasks that come later grow with time: however many of a
 * higher priority come, none waits for ever.
 */
export function turnOf(priority: Priority, since: number): number {
  const slot = Math.floor((since + YIELDS_MS[priority] - FIRST_AT) / SLOT_MS);
  return Math.min(Math.max(1, slot), MOST);
}

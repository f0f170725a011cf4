import type { Flight } from '../../store/remote/remote.ts';
import type { LiveEntry } from './live.ts';
import type { TaskMessage } from './names.ts';
import type { WaitState, WorkerState } from './presence.ts';

/** Redis is away; what runs goes on, and it is asked again. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
}

/** How a message stands: `taken` by a worker that has not begun, or `running`, as a worker says. */
export type MessageState = 'absent' | 'queued' | 'taken' | 'running';

/**
 * What a driver needs of the queues to see its tasks through. It carries work and is never believed. Each call but
 * the last three throws `RedisAway`.
 */
export interface FlightLink {
  /**
   * Puts a message into a queue unless it is there. One that is there, of a later turn, is given this one.
   *
   * @returns the nonce of the message that is there: another driver's, if that was first
   */
  enqueue(queue: string, id: string, message: TaskMessage, turn: number): Promise<string>;
  /** Whether a message is in its queue, or a worker says that it runs what it asks for. */
  stateOf(queue: string, id: string): Promise<MessageState>;
  /**
   * Says that a run waits for a flight, again and again: whoever is left alone with it may end it.
   *
   * @param isRunning a worker has it: the wait begins anew
   * @returns since when the run has waited, whoever drove it; by the clocks of drivers
   */
  wait(
    flight: Flight,
    run: string,
    options: { readonly now: number; readonly isRunning: boolean },
  ): Promise<number>;
  /** Gives whether nobody else waits for it; a run that was not heard of for a minute does not. */
  leave(flight: Flight, run: string): Promise<boolean>;
  /** Tells workers, and takes the message back if none has begun. */
  cancel(queue: string, id: string, flight: Flight): Promise<void>;
  workers(): Promise<readonly WorkerState[]>;
  /** How many workers take from a queue, as it was a moment ago: many tasks ask at once. */
  takers(queue: string): Promise<number>;
  /** Says of what waits for a flight what it waits for. */
  sayWaiting(flight: Flight, state: WaitState): Promise<void>;
  /** It waits no longer. What cannot be said lapses. */
  sayBegun(flight: Flight, run: string): Promise<void>;
  /**
   * The run has what it waited for. What the flight said goes soon, unless another run still waits for it. While Redis
   * is away that is not said: it lapses.
   */
  landed(flight: Flight, run: string): void;
  /** Gives all that was and is said of a flight, in order. */
  follow(flight: Flight, onEntry: (entry: LiveEntry) => void): { readonly stop: () => void };
}

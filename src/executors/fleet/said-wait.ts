import type { Flight } from '../../store/remote/remote.ts';
import type { FlightLink } from './flight-link.ts';
import type { HeardTask } from './heard-task.ts';
import type { WaitState } from './presence.ts';

export interface SaidWaitOptions extends Pick<WaitState, 'run' | 'step' | 'queue'> {
  readonly link: Pick<FlightLink, 'takers' | 'sayWaiting' | 'sayBegun'>;
  readonly heard: Pick<HeardTask, 'isStarted'>;
}

/** What the fleet is told of a task of a run while no worker has begun it: that it waits, and for what. */
export class SaidWait {
  readonly #options: SaidWaitOptions;
  #isSaid = false;
  /** Workers were there, and the task was in the queue: most likely one begins at once. */
  #hasLooked = false;

  constructor(options: SaidWaitOptions) {
    this.#options = options;
  }

  /** The flight was another driver's before, which may have said that it waits. */
  adopt(): void {
    this.#isSaid = true;
  }

  /**
   * @param until when the wait is over, as `since` by this driver's clock; Infinity for never
   * @throws RedisAway
   */
  async say(
    flight: Flight,
    { holder, since, until }: { readonly holder: string; readonly since: number; readonly until: number },
  ): Promise<void> {
    const { link, run, step, queue } = this.#options;
    this.#isSaid = true;
    const state = { run, step, queue, holder, since };
    await link.sayWaiting(flight, until === Infinity ? state : { ...state, until });
  }

  /** Nobody is to believe any longer that it waits. */
  async withdraw(flight: Flight | undefined): Promise<void> {
    if (flight === undefined || !this.#isSaid) return;
    this.#isSaid = false;
    await this.#options.link.sayBegun(flight, this.#options.run);
  }

  /**
   * What lacks for a task that is in its queue; undefined where most likely nothing does.
   *
   * @throws RedisAway
   */
  async wanted(): Promise<string | undefined> {
    const { link, queue, heard } = this.#options;
    const hasTaker = (await link.takers(queue)) > 0;
    const isFull = hasTaker && this.#hasLooked && !heard.isStarted;
    this.#hasLooked = true;
    if (!hasTaker) return `a worker of the queue ${queue}: recipe worker --queue ${queue}`;
    return isFull ? roomIn(queue) : undefined;
  }
}

/** For people: what a task waits for whose queue has workers. */
export function roomIn(queue: string): string {
  return `room in the queue ${queue}`;
}

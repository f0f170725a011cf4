import type { Redis } from 'ioredis';
import type { Clock } from '../../core/world.ts';
import { MOST_SKEW_MS, readRedisClock } from './redis-clock.ts';

/** That a clock went wrong, or was set right. */
export interface ClockLine {
  readonly type: 'clock';
  readonly isRight: boolean;
  /** By how much the clock of Redis is ahead of it. */
  readonly skewMs: number;
}

/** Whether a worker's clock, which was right when it began, still is that of Redis. */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #onChange: (line: ClockLine) => void;
  #isRight = true;

  constructor(clock: Clock, onChange: (line: ClockLine) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isRight(): boolean {
    return this.#isRight;
  }

  /** @returns what time it is: by the own clock while that is right, else by that of Redis */
  async look(redis: Redis): Promise<number> {
    const { roundTripMs, skewMs } = await readRedisClock(redis, this.#clock, 1);
    // What may have passed on the way says nothing.
    const isRight = Math.abs(skewMs) - roundTripMs / 2 <= MOST_SKEW_MS;
    if (isRight !== this.#isRight) {
      this.#isRight = isRight;
      this.#onChange({ type: 'clock', isRight, skewMs });
    }
    return Math.round(this.#clock.now() + (isRight ? 0 : skewMs));
  }
}

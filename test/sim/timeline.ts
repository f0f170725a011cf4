import type { Random } from '../chaos/random.ts';

interface Timer {
  readonly at: number;
  readonly tie: number;
  readonly wake: () => void;
}

/**
 * Time that goes on when nothing is left to do at an instant. What is due at one instant comes in an order that the
 * seed decides, so that a seed is one course of things.
 */
export class Timeline {
  readonly random: Random;
  /** Where every machine's clock stands when a course begins, but for what it is wrong by. */
  readonly epoch: number;
  readonly trace: string[] = [];
  readonly #timers: Timer[] = [];
  #now = 0;

  constructor(random: Random, epoch: number) {
    this.random = random;
    this.epoch = epoch;
  }

  /** Milliseconds since the beginning, by no machine's clock. */
  get now(): number {
    return this.#now;
  }

  after(ms: number, wake: () => void): void {
    this.#timers.push({ at: this.#now + Math.max(0, ms), tie: this.random.next(), wake });
  }

  note(who: string, what: string): void {
    this.trace.push(`${(this.#now / 1000).toFixed(3).padStart(9)} ${who}: ${what}`);
  }

  /** Until it is over, or it is `end`: from there it may go on. Gives whether it is over. */
  async run(isOver: () => boolean, end: number): Promise<boolean> {
    for (;;) {
      // All that follows from what was woken last is done after this turn of the loop: nothing here does I/O.
      await new Promise((resolve) => setImmediate(resolve));
      if (isOver()) return true;
      const next = this.#next();
      if (next === undefined || next.at > end) {
        this.#now = end;
        return false;
      }
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = next.at;
      next.wake();
    }
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers)
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.tie < first.tie))
        first = timer;
    return first;
  }
}

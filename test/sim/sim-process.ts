import type { Clock } from '../../src/core/world.ts';
import type { Timeline } from './timeline.ts';

/** The clock of one machine: wrong, a little fast or slow, and set to another time now and then. */
export class MachineClock {
  readonly #timeline: Timeline;
  readonly #rate: number;
  #wrongBy: number;

  constructor(timeline: Timeline, wrongBy: number, rate: number) {
    this.#timeline = timeline;
    this.#wrongBy = wrongBy;
    this.#rate = rate;
  }

  now(): number {
    return Math.floor(this.#timeline.epoch + this.#wrongBy + this.monotonic());
  }

  monotonic(): number {
    return this.#timeline.now * this.#rate;
  }

  jump(ms: number): void {
    this.#wrongBy += ms;
  }

  /** How long that takes, which this clock calls so many milliseconds. */
  lasting(ms: number): number {
    return ms / this.#rate;
  }
}

/** A process that may stand still for a while, and goes on as if nothing had been, or be gone from one moment on. */
export class SimProcess {
  readonly name: string;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly #end = new AbortController();
  readonly #onDeath: (() => void)[] = [];
  #isDead = false;
  #wasKilled = false;
  #standsUntil = 0;

  constructor(name: string, timeline: Timeline, machine: MachineClock) {
    this.name = name;
    this.timeline = timeline;
    this.clock = {
      now: () => machine.now(),
      monotonic: () => machine.monotonic(),
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const abort = (): void => reject(signal?.reason);
        signal?.addEventListener('abort', abort, { once: true });
        this.after(machine.lasting(ms), resolve);
        return promise.finally(() => signal?.removeEventListener('abort', abort));
      },
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get wasKilled(): boolean {
    return this.#wasKilled;
  }

  /** Aborts when somebody tells it to end. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Does something in this process, if it lives then, and not before it goes on. */
  after(ms: number, work: () => void): void {
    this.timeline.after(ms, () => {
      const left = this.#standsUntil - this.timeline.now;
      if (this.#isDead) return;
      if (left > 0) this.after(left, work);
      else work();
    });
  }

  /** An answer that is under way so long. */
  async answer<T>(ms: number, settle: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.after(ms, () => {
      try {
        resolve(settle());
      } catch (error) {
        reject(error);
      }
    });
    return promise;
  }

  /** It ends by itself. */
  end(): void {
    this.#isDead = true;
  }

  die(): void {
    this.#isDead = true;
    this.#wasKilled = true;
    this.timeline.note(this.name, 'is killed');
    for (const work of this.#onDeath) work();
  }

  /** What ends with it when it is killed. */
  onDeath(work: () => void): void {
    this.#onDeath.push(work);
  }

  standStill(ms: number): void {
    this.#standsUntil = Math.max(this.#standsUntil, this.timeline.now + ms);
    this.timeline.note(this.name, `stands still for ${Math.round(ms)} ms`);
  }

  tellToEnd(): void {
    this.after(0, () => {
      this.timeline.note(this.name, 'is told to end');
      this.#end.abort(new Error('told to end'));
    });
  }
}

import type { Clock } from '../../core/world.ts';

/** After Redis was away, nobody begins anything for one lock duration: who ran it before says so meanwhile. */
export class Hold {
  readonly #clock: Clock;
  readonly #lockMs: number;
  /** On the monotonic clock. */
  #notBefore = 0;

  constructor(clock: Clock, lockMs: number) {
    this.#clock = clock;
    this.#lockMs = lockMs;
  }

  /** @param upMs so long Redis is up: one that has only just come up may have lost what was announced */
  begin(upMs: number): void {
    if (upMs < this.#lockMs) this.#notBefore = this.#clock.monotonic() + this.#lockMs - upMs;
  }

  async over(): Promise<void> {
    for (let left = this.#left; left > 0; left = this.#left) await this.#clock.sleep(left);
  }

  get #left(): number {
    return this.#notBefore - this.#clock.monotonic();
  }
}

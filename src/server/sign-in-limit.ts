import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/** Wrong passwords that are taken in a window of time. */
const WINDOW_MS = 600_000;
const LIMITS = { 'user at address': 10, address: 50, user: 100 } as const;

/** Slow digests at once, and waiting: each takes 32 MiB and most of a processor. */
const AT_ONCE = 2;
const MAX_WAITING = 30;
const MAX_KEYS = 10_000;

interface Failures {
  count: number;
  until: number;
}

/** Keeps passwords from being guessed, and their check from taking the machine. */
export class SignInLimit {
  readonly #now: () => number;
  readonly #failures = new Map<string, Failures>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws MlflowError RESOURCE_EXHAUSTED */
  async attempt(
    { name, address }: { name: string; address: string },
    check: () => Promise<boolean>,
  ): Promise<boolean> {
    const keys = [
      [`${name}\0${address}`, LIMITS['user at address']],
      [`\0${address}`, LIMITS.address],
      [name, LIMITS.user],
    ] as const;
    const now = this.#now();
    const blocked = keys.some(([key, limit]) => this.#count(key, now) >= limit);
    if (blocked || this.#waiting.length >= MAX_WAITING)
      throw new MlflowError('RESOURCE_EXHAUSTED', 'Too many wrong passwords: try again in ten minutes.');
    // Counted before it is checked: many at once are many.
    for (const [key] of keys) this.#add(key, now);
    await this.#turn();
    try {
      const isRight = await check();
      if (isRight) for (const [key] of keys) this.#take(key);
      return isRight;
    } finally {
      // Whoever waits longest takes this one's place: nobody who comes meanwhile does.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  #count(key: string, now: number): number {
    const found = this.#failures.get(key);
    return found === undefined || found.until <= now ? 0 : found.count;
  }

  #add(key: string, now: number): void {
    const count = this.#count(key, now);
    if (count === 0) this.#forgetOld(now);
    const until = count === 0 ? now + WINDOW_MS : (this.#failures.get(key)?.until ?? 0);
    this.#failures.set(key, { count: count + 1, until });
  }

  #take(key: string): void {
    const found = this.#failures.get(key);
    if (found !== undefined && found.count > 0) found.count -= 1;
  }

  #forgetOld(now: number): void {
    if (this.#failures.size < MAX_KEYS) return;
    for (const [key, { until }] of this.#failures) if (until <= now) this.#failures.delete(key);
  }
}

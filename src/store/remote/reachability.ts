import { isRemoteProblem, RemoteUnreachable } from './remote.ts';

export interface ReachabilityOptions {
  /** What others call the remote. */
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /**
   * So long after it was away a remote is asked again; undefined: it is not, as a run does not wait for it each
   * time. For who lives longer than an outage.
   */
  readonly retryAfterMs?: number | undefined;
  /** A line for the user: once each time that the remote is away, and once when it is back. */
  readonly onWarning: (message: string) => void;
}

/** Whether a remote answers, by what asking it gave. */
export class Reachability {
  readonly #options: ReachabilityOptions;
  /** When the remote last was away, if it did not answer since. */
  #awaySince: number | undefined;
  /** What it said then, or why it did not. */
  #problem: string | undefined;
  /** Calls that it did not answer. */
  #failures = 0;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
  }

  /** Whether it was away a moment ago, and is not to be asked again yet. */
  get isAway(): boolean {
    if (this.#awaySince === undefined) return false;
    const { now, retryAfterMs } = this.#options;
    if (retryAfterMs === undefined) return true;
    const age = now() - this.#awaySince;
    // A clock that was set back says nothing.
    return age >= 0 && age < retryAfterMs;
  }

  /** Why it is away; undefined: it answered when it was last asked. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** @throws RemoteUnreachable while it is not to be asked */
  require(): void {
    if (this.isAway)
      throw new RemoteUnreachable(this.#problem ?? `${this.#options.name} was away a moment ago`);
  }

  /** Asks it unless it is away; what it does not answer, or refuses, is `otherwise`. */
  async unlessAway<T>(otherwise: T, work: () => Promise<T>): Promise<T> {
    if (this.isAway) return otherwise;
    try {
      return await this.asking(work);
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
      return otherwise;
    }
  }

  /** Notes whether it answers. */
  async asking<T>(work: () => Promise<T>): Promise<T> {
    const failures = this.#failures;
    try {
      const done = await work();
      // Unless it has failed another call meanwhile, also one of this work's own.
      if (failures === this.#failures) this.#isBack();
      return done;
    } catch (error) {
      if (isRemoteProblem(error)) this.#failed(error);
      throw error;
    }
  }

  #failed({ message }: Error): void {
    const { now, onWarning, retryAfterMs } = this.#options;
    if (this.#awaySince === undefined)
      onWarning(
        `the remote cache is not used ${retryAfterMs === undefined ? 'from here on' : 'until it is back'}: ${message}. This machine's own cache is`,
      );
    this.#awaySince = now();
    this.#problem = message;
    this.#failures += 1;
  }

  #isBack(): void {
    if (this.#awaySince === undefined) return;
    [this.#awaySince, this.#problem] = [undefined, undefined];
    this.#options.onWarning('the remote cache is back, and used again');
  }
}

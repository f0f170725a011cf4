import { createInterface } from 'node:readline';
import type { RunEvent } from '../../src/core/events.ts';
import type { CliRig } from './cli-rig.ts';

/** A run that goes on, and what it says as it says it. */
export class FollowedRun {
  readonly #child: ReturnType<CliRig['start']>;
  readonly #events: AsyncIterator<RunEvent>;
  readonly seen: RunEvent[] = [];

  /** @param from the project to run, with `args` for `recipe run`; or what prints the events of a run */
  constructor(from: CliRig | ReturnType<CliRig['start']>, ...args: string[]) {
    this.#child = 'recipe' in from ? from.start('run', '--json', ...args) : from;
    this.#events = eventsFrom(this.#child.stdout);
  }

  /** Resolves with the next event that is wanted, of those that were not given yet. */
  async until(wanted: (event: RunEvent) => boolean): Promise<RunEvent> {
    for (;;) {
      const { value, done } = await this.#events.next();
      if (done === true) {
        const { stderr } = await this.#child;
        throw new Error(
          `the run ended first: ${stderr}\n${this.seen.map((one) => JSON.stringify(one)).join('\n')}`,
        );
      }
      this.seen.push(value);
      if (wanted(value)) return value;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** All of its events. */
  async end(): Promise<{ readonly exit: number | undefined; readonly events: readonly RunEvent[] }> {
    for (
      let { value, done } = await this.#events.next();
      done !== true;
      { value, done } = await this.#events.next()
    )
      this.seen.push(value as RunEvent);
    const { exitCode } = await this.#child;
    return { exit: exitCode, events: this.seen };
  }
}

/** Whoever asks later is given what was said before. */
function eventsFrom(stdout: NodeJS.ReadableStream): AsyncIterator<RunEvent> {
  // It listens from now on: what comes before anybody does is lost.
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { value, done } = await lines.next();
      return done === true
        ? { value: undefined, done }
        : { value: JSON.parse(value) as RunEvent, done: false };
    },
  };
}

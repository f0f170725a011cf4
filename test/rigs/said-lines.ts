import { createInterface } from 'node:readline';

export type Said = Readonly<Record<string, unknown>>;

/** What a process says with --json, a line at a time. */
export class SaidLines {
  readonly #lines: AsyncIterator<string>;

  constructor(stdout: NodeJS.ReadableStream) {
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Undefined: it has ended. */
  async next(): Promise<Said | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : (JSON.parse(value) as Said);
  }

  /** Resolves with the next line in which these values stand, after those that were waited for. */
  async until(wanted: Said): Promise<Said> {
    for (;;) {
      const said = await this.next();
      if (said === undefined) throw new Error(`it ended and never said ${JSON.stringify(wanted)}`);
      if (Object.entries(wanted).every(([key, value]) => said[key] === value)) return said;
    }
  }
}

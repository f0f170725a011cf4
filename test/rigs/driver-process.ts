import { createInterface } from 'node:readline';
import type { CliRig, Outcome } from './cli-rig.ts';

/** `recipe worker --drive` as a process of its own. */
export class DriverProcess implements AsyncDisposable {
  readonly #child: ReturnType<CliRig['start']>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ReturnType<CliRig['start']>, lines: AsyncIterator<string>) {
    this.#child = child;
    this.#lines = lines;
  }

  /** Resolves when it takes runs. */
  static async start(rig: CliRig, ...args: string[]): Promise<DriverProcess> {
    const child = rig.start('worker', '--json', '--drive', '2', ...args);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { done } = await lines.next();
    if (done === true) throw new Error(`the driver did not start: ${(await child).stderr}`);
    return new DriverProcess(child, lines);
  }

  /** Resolves when it has said that a run is so, after what was waited for before; false if it ends first. */
  async said(state: string): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) return false;
      if ((JSON.parse(value) as { readonly state?: string }).state === state) return true;
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Outcome> {
    this.#child.kill(signal);
    const { exitCode, signal: ended, stdout, stderr } = await this.#child;
    return { exit: exitCode, signal: ended, out: stdout, err: stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

/** Resolves when a process has said something on its standard output; rejects if it ends first. */
export async function hasSaid(child: ReturnType<CliRig['start']>, wanted: RegExp): Promise<void> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (wanted.test(said)) resolve();
  });
  child.stdout.on('end', () => reject(new Error(`it ended and never said ${wanted}: ${said}`)));
  await promise;
}

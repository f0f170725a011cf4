import { createInterface } from 'node:readline';
import type { CliRig, Outcome } from './cli-rig.ts';

/** `recipe worker --drive` as a process of its own. */
export class DriverProcess implements AsyncDisposable {
  readonly #child: ReturnType<CliRig['start']>;

  private constructor(child: ReturnType<CliRig['start']>) {
    this.#child = child;
  }

  /** Resolves when it takes runs. */
  static async start(rig: CliRig, ...args: string[]): Promise<DriverProcess> {
    const child = rig.start('worker', '--json', '--drive', '2', ...args);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { done } = await lines.next();
    if (done === true) throw new Error(`the driver did not start: ${(await child).stderr}`);
    return new DriverProcess(child);
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

import type { CliRig, Outcome } from './cli-rig.ts';
import { SaidLines } from './said-lines.ts';

/** `recipe worker --drive` as a process of its own. */
export class DriverProcess implements AsyncDisposable {
  readonly #child: ReturnType<CliRig['start']>;
  readonly #lines: SaidLines;

  private constructor(child: ReturnType<CliRig['start']>, lines: SaidLines) {
    this.#child = child;
    this.#lines = lines;
  }

  /** Resolves when it takes runs. */
  static async start(rig: CliRig, ...args: string[]): Promise<DriverProcess> {
    const child = rig.start('worker', '--json', '--drive', '2', ...args);
    const lines = new SaidLines(child.stdout);
    if ((await lines.next()) !== undefined) return new DriverProcess(child, lines);
    throw new Error(`the driver did not start: ${(await child).stderr}`);
  }

  /** Resolves when it has said this of a run, after what was waited for. */
  async said(state: string): Promise<void> {
    await this.#lines.until({ type: 'run', state });
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

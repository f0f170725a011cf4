import { createInterface } from 'node:readline';
import type { CliRig, Outcome } from './cli-rig.ts';

/** `recipe server` as a process of its own, on a free port. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  /** What it said when it was ready. */
  readonly started: Readonly<Record<string, unknown>>;
  readonly #child: ReturnType<CliRig['start']>;

  private constructor(started: Readonly<Record<string, unknown>>, child: ReturnType<CliRig['start']>) {
    this.url = String(started['url']);
    this.started = started;
    this.#child = child;
  }

  /** Resolves when it is ready. */
  static async start(rig: CliRig, ...args: string[]): Promise<ServerProcess> {
    const child = rig.start('server', '--port', '0', '--json', ...args);
    for await (const line of createInterface({ input: child.stdout }))
      return new ServerProcess(JSON.parse(line) as Record<string, unknown>, child);
    const { stderr } = await child;
    throw new Error(`the server did not start: ${stderr}`);
  }

  async api(path: string, body?: object): Promise<Record<string, unknown>> {
    const sent = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const response = await fetch(`${this.url}/api/2.0/mlflow/${path}`, body === undefined ? {} : sent);
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
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

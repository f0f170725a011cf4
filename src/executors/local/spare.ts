import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';

/**
 * A Node process started ahead, with the step's side of Stockpot loaded, that waits to be told its step.
 * It serves one attempt; using it starts the next. Start-up, about 100 ms, is hidden behind other work.
 */
export class Spare implements Disposable {
  readonly #start: () => ChildProcess;
  #child: ChildProcess | undefined;

  constructor(start: () => ChildProcess) {
    this.#start = start;
  }

  /** Starts one unless one waits. */
  prepare(): void {
    if (this.#child !== undefined) return;
    const child = this.#start();
    // It must not keep the driver alive, nor end it by failing: a dead spare is simply not used.
    child.unref();
    (child.channel as { unref?: () => void } | null)?.unref?.();
    for (const stream of [child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
    child.once('error', () => this.#forget(child));
    child.once('exit', () => this.#forget(child));
    this.#child = child;
  }

  /** The waiting process, now the caller's. */
  take(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || !child.connected) return undefined;
    child.removeAllListeners('exit');
    child.removeAllListeners('error');
    child.ref();
    for (const stream of [child.stdout, child.stderr]) (stream as { ref?: () => void } | null)?.ref?.();
    return child;
  }

  [Symbol.dispose](): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #forget(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
  }
}

export function startStepProcess(
  node: string,
  childModule: string,
  { cwd, env, ipc }: { cwd?: string; env: Readonly<Record<string, string>>; ipc: boolean },
): ChildProcess {
  return spawn(node, [childModule], {
    cwd: cwd ?? tmpdir(),
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { Exit } from '../../engine/launcher.ts';
import type { Started } from './spawn.ts';

export interface HostOrder {
  readonly id: number;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Paths of the named pipes that become stdout and stderr. */
  readonly outputs: readonly [string, string];
}

export type HostAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'not-started'; readonly id: number; readonly code: string; readonly message: string }
  | {
      readonly type: 'exit';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
    };

interface Pending {
  readonly started: PromiseWithResolvers<Started>;
  readonly exited: PromiseWithResolvers<Exit>;
}

/**
 * The driver's end of the process that starts programs for it: a driver that holds a large plan takes
 * several times as long to start one (page tables are copied), and does nothing else meanwhile.
 */
export class ProgramHost implements Disposable {
  readonly #pending = new Map<number, Pending>();
  readonly #child: ChildProcess;
  #isReady = false;
  #last = 0;

  constructor(node: string, hostModule: string, env: Readonly<Record<string, string>>) {
    // A group of its own: Ctrl-C is for the driver to see.
    this.#child = spawn(node, ['--max-semi-space-size=1', hostModule], {
      cwd: tmpdir(),
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (answer: HostAnswer) => this.#hear(answer));
    const gone = (): void => this.#gone();
    this.#child.once('error', gone);
    this.#child.once('exit', gone);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** @throws Error if the host has ended */
  start(order: Omit<HostOrder, 'id'>): Promise<Started> {
    const id = (this.#last += 1);
    const pending = { started: Promise.withResolvers<Started>(), exited: Promise.withResolvers<Exit>() };
    // Who waits for the start alone need not handle the end.
    pending.exited.promise.catch(() => {});
    this.#pending.set(id, pending);
    this.#child.send({ id, ...order }, (error) => {
      if (error !== null) this.#gone();
    });
    return pending.started.promise;
  }

  #hear(answer: HostAnswer): void {
    if (answer.type === 'ready') {
      this.#isReady = true;
      return;
    }
    const pending = this.#pending.get(answer.id);
    switch (answer.type) {
      case 'started':
        pending?.started.resolve({ pid: answer.pid, exited: pending.exited.promise });
        return;
      case 'not-started':
        pending?.started.resolve({
          pid: undefined,
          exited: Promise.resolve({ kind: 'not-started', code: answer.code, message: answer.message }),
        });
        break;
      case 'exit':
        pending?.exited.resolve(
          answer.signal === null
            ? { kind: 'exited', code: answer.code ?? 0 }
            : { kind: 'signalled', signal: answer.signal },
        );
        break;
    }
    this.#pending.delete(answer.id);
  }

  #gone(): void {
    this.#isReady = false;
    const error = new Error('The process that starts programs has ended');
    for (const { started, exited } of this.#pending.values()) {
      started.reject(error);
      exited.reject(error);
    }
    this.#pending.clear();
  }

  [Symbol.dispose](): void {
    this.#child.removeAllListeners();
    this.#child.kill('SIGKILL');
  }
}

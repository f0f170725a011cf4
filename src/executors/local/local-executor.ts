import { attempt, type Workshop } from '../../engine/attempt.ts';
import type { AttemptOutcome, Executor, Task, TaskHooks } from '../../engine/ports.ts';
import type { LocalLauncher } from './local-launcher.ts';

/** Runs attempts on this machine, in this process's children. */
export class LocalExecutor implements Executor {
  readonly #shop: Workshop;
  readonly #launcher: LocalLauncher;

  constructor(shop: Omit<Workshop, 'launcher'>, launcher: LocalLauncher) {
    this.#shop = { ...shop, launcher };
    this.#launcher = launcher;
  }

  expect(): void {
    this.#launcher.prepare();
  }

  execute(task: Task, hooks: TaskHooks, signal: AbortSignal): Promise<AttemptOutcome> {
    hooks.started();
    return attempt(task, hooks, signal, this.#shop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#launcher[Symbol.dispose]();
  }
}

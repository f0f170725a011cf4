import { cleanEnvironment } from '../../engine/attempt-environment.ts';
import type { Exit, Launcher, LaunchRequest } from '../../engine/launcher.ts';
import { Spare, startStepProcess } from './spare.ts';
import { attend, launchProgram } from './spawn.ts';

export interface LocalLauncherOptions {
  /** Node's executable. */
  readonly node: string;
  /** `step/child`, absolute. */
  readonly childModule: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs attempts as child processes of this one. */
export class LocalLauncher implements Launcher, Disposable {
  readonly #options: LocalLauncherOptions;
  readonly #spare: Spare;

  constructor(options: LocalLauncherOptions) {
    this.#options = options;
    this.#spare = new Spare(() =>
      startStepProcess(options.node, options.childModule, { env: cleanEnvironment(options.env), ipc: true }),
    );
  }

  /** Call when steps in TypeScript are about to come. */
  prepare(): void {
    this.#spare.prepare();
  }

  async launch(request: LaunchRequest): Promise<Exit> {
    const { program } = request;
    if (program.kind === 'argv') return launchProgram(program.argv, request);
    const message = { entry: program.entry, cwd: request.cwd, env: request.env };
    const spare = program.mayUseSpare ? this.#spare.take() : undefined;
    if (spare !== undefined) {
      const exit = attend(spare, request);
      spare.send(message);
      return exit;
    }
    const child = startStepProcess(this.#options.node, this.#options.childModule, {
      cwd: request.cwd,
      env: request.env,
      ipc: true,
    });
    const exit = attend(child, request);
    child.send(message);
    return exit;
  }

  [Symbol.dispose](): void {
    this.#spare[Symbol.dispose]();
  }
}

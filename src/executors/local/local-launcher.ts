import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { cleanEnvironment } from '../../engine/attempt-environment.ts';
import type { Exit, Launcher, LaunchRequest, Program } from '../../engine/launcher.ts';
import { OutputPipes } from './output-pipes.ts';
import { ProgramHost } from './program-host.ts';
import { Spare, startStepProcess } from './spare.ts';
import { attend, started, startProgram } from './spawn.ts';

export interface LocalLauncherOptions {
  /** Node's executable. */
  readonly node: string;
  /** `step/child`, absolute. */
  readonly childModule: string;
  /** `executors/local/launch-host`, absolute. */
  readonly hostModule: string;
  /** Folder for named pipes: it is made when needed and vanishes at the end. */
  readonly pipesDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** So many programs are started by the driver itself: fewer are not worth a process that starts them. */
const FEW = 4;

/** Runs attempts as child processes, of this one or of one that starts them for it. */
export class LocalLauncher implements Launcher, Disposable {
  readonly #options: LocalLauncherOptions;
  readonly #spare: Spare;
  readonly #pipes: OutputPipes;
  #host: ProgramHost | undefined;
  #launched = 0;

  constructor(options: LocalLauncherOptions) {
    this.#options = options;
    this.#pipes = new OutputPipes(options.pipesDir);
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
    return program.kind === 'argv' ? this.#program(program.argv, request) : this.#step(program, request);
  }

  async #program(argv: readonly [string, ...string[]], request: LaunchRequest): Promise<Exit> {
    const { node, hostModule, env } = this.#options;
    this.#launched += 1;
    if (this.#launched === FEW) this.#host = new ProgramHost(node, hostModule, cleanEnvironment(env));
    const out = this.#pipes.open((chunk) => request.onOutput('stdout', chunk));
    const err = this.#pipes.open((chunk) => request.onOutput('stderr', chunk));
    try {
      const child =
        this.#host?.isReady === true
          ? await this.#host.start({
              argv,
              cwd: request.cwd,
              env: request.env,
              outputs: [out.path, err.path],
            })
          : startProgram(argv, request, [out.writer, err.writer]);
      out.closeWriter();
      err.closeWriter();
      return await attend(child, [out, err], request);
    } finally {
      out.closeWriter();
      err.closeWriter();
    }
  }

  async #step(
    { entry, mayUseSpare }: Program & { kind: 'node-step' },
    request: LaunchRequest,
  ): Promise<Exit> {
    const { node, childModule } = this.#options;
    const { cwd, env } = request;
    const spare = mayUseSpare ? this.#spare.take() : undefined;
    const child = spare ?? startStepProcess(node, childModule, { cwd, env, ipc: true });
    child.stdout?.on('data', (chunk: Buffer) => request.onOutput('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => request.onOutput('stderr', chunk));
    const exit = attend(started(child), outputsOf(child), request);
    child.send({ entry, cwd, env });
    return exit;
  }

  [Symbol.dispose](): void {
    this.#spare[Symbol.dispose]();
    this.#host?.[Symbol.dispose]();
    this.#pipes[Symbol.dispose]();
  }
}

function outputsOf(child: ChildProcess): { drained: Promise<void>; giveUp: () => void }[] {
  return [child.stdout, child.stderr].flatMap((stream: Readable | null) =>
    stream === null
      ? []
      : [
          {
            drained: new Promise<void>((resolve) => void stream.once('close', resolve)),
            giveUp: () => stream.destroy(),
          },
        ],
  );
}

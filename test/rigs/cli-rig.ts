import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import type { RunEvent } from '../../src/core/events.ts';

const BIN = join(import.meta.dirname, '../../bin/recipe.js');
const PACKAGES = join(import.meta.dirname, '../../node_modules');

type Captured = {
  readonly extendEnv: false;
  readonly reject: false;
  readonly stripFinalNewline: false;
  readonly forceKillAfterDelay: false;
  readonly cwd: string;
  readonly env: Record<string, string>;
};

export interface Outcome {
  readonly exit: number | undefined;
  readonly signal: string | undefined;
  readonly out: string;
  readonly err: string;
}

/**
 * A project in a temporary folder, and the real command line in it. Compiled code of the program is kept
 * between projects: without it, a start takes four times as long.
 */
export class CliRig implements AsyncDisposable {
  readonly dir: string;
  /** The program itself, for what the rig does not do. */
  static readonly bin = BIN;
  readonly env: Record<string, string> = {};
  /** What the program's own command line stands behind. */
  prefix: readonly string[] = [];

  readonly #bin: string;

  private constructor(dir: string, bin: string) {
    this.dir = dir;
    this.#bin = bin;
  }

  /** @param bin another copy of the program */
  static async create(files: Readonly<Record<string, string>> = {}, bin = BIN): Promise<CliRig> {
    const rig = new CliRig(await mkdtemp(join(tmpdir(), 'stockpot-')), bin);
    for (const [path, text] of Object.entries(files)) await rig.write(path, text);
    return rig;
  }

  async write(path: string, text: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(this.dir, path)), { recursive: true });
    await writeFile(join(this.dir, path), text);
  }

  async makeExecutable(path: string): Promise<void> {
    await chmod(join(this.dir, path), 0o755);
  }

  async read(path: string): Promise<string> {
    return readFile(join(this.dir, path), 'utf8');
  }

  /** Gives the project the packages of this one. */
  async linkPackages(): Promise<void> {
    await symlink(PACKAGES, join(this.dir, 'node_modules'));
  }

  async recipe(...args: string[]): Promise<Outcome> {
    const { exitCode, signal, stdout, stderr } = await this.start(...args);
    return { exit: exitCode, signal, out: stdout, err: stderr };
  }

  /** With lines on standard input. */
  async fed(input: string, ...args: string[]): Promise<Outcome> {
    const child = this.start(...args);
    child.stdin.end(input);
    const { exitCode, signal, stdout, stderr } = await child;
    return { exit: exitCode, signal, out: stdout, err: stderr };
  }

  /** The command line as a process, for who wants to disturb it. */
  start(...args: string[]): ResultPromise<Captured> {
    const options: Captured = {
      cwd: this.dir,
      env: this.#environment(),
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      // Who is told to end takes the time it takes: on a busy machine, five seconds are not many.
      forceKillAfterDelay: false,
    };
    const [command = process.execPath, ...rest] = [...this.prefix, process.execPath, this.#bin, ...args];
    return execa(command, rest, options);
  }

  /** Starts a run, and sends a signal once a line of its events matches. */
  async interrupt(when: RegExp, signal: 'SIGINT' | 'SIGTERM', ...args: string[]): Promise<Outcome> {
    const child = execa(process.execPath, [this.#bin, 'run', '--json', ...args], {
      cwd: this.dir,
      env: this.#environment(),
      extendEnv: false,
      reject: false,
      forceKillAfterDelay: false,
    });
    let seen = '';
    let sent = false;
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (!sent && when.test(seen)) sent = child.kill(signal);
    });
    const { exitCode, signal: ended, stdout, stderr } = await child;
    return { exit: exitCode, signal: ended, out: stdout, err: stderr };
  }

  /** Runs with --json and gives the events. */
  async events(...args: string[]): Promise<RunEvent[]> {
    const { out } = await this.recipe('run', '--json', ...args);
    return eventsOf(out);
  }

  /** What became of each step: `{ fetch: 'cached', fit: 'succeeded' }`. */
  async run(...args: string[]): Promise<Record<string, string>> {
    return outcomes(await this.events(...args));
  }

  #environment(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.dir,
      XDG_CACHE_HOME: join(tmpdir(), 'stockpot-tests'),
      ...this.env,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** What became of each step, from what `run --json` printed. */
export function outcomesOf(lines: string): Record<string, string> {
  return outcomes(eventsOf(lines));
}

export function eventsOf(lines: string): RunEvent[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunEvent);
}

export function outcomes(events: readonly RunEvent[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const event of events)
    if (
      /^step\.(?:cached|succeeded|failed|skipped|cancelled)$/.test(event.type) &&
      'step' in event &&
      event.step !== undefined
    )
      found[event.step] = event.type.slice('step.'.length);
  return found;
}

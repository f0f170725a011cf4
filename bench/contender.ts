import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/rigs/free-port.ts';

/** A server that takes part in a comparison. */
export interface Contender {
  readonly name: string;
  /** What starts it in the foreground. */
  readonly argv: (port: number) => readonly string[];
}

const BIN = join(import.meta.dirname, '../bin/recipe.js');

export function stockpot(...args: readonly string[]): Contender {
  return {
    name: 'stockpot',
    argv: (port) => [process.execPath, BIN, 'server', '--port', String(port), ...args],
  };
}

/** MLflow's own server, with as many workers as it starts by itself. */
export function mlflow(python: string, store: string): Contender {
  return {
    name: `mlflow of ${python}`,
    argv: (port) => [python, '-m', 'mlflow', 'server', '--port', String(port), '--backend-store-uri', store],
  };
}

/** A contender that runs in a folder. */
export class Running implements AsyncDisposable {
  readonly port: number;
  /** From its start to its first answer. */
  readonly readyMs: number;
  readonly #child: ReturnType<typeof spawn>;

  private constructor(port: number, readyMs: number, child: ReturnType<typeof spawn>) {
    this.port = port;
    this.readyMs = readyMs;
    this.#child = child;
  }

  static async start({ argv }: Contender, dir: string): Promise<Running> {
    const port = await freePort();
    const [program = '', ...args] = argv(port);
    const started = performance.now();
    const child = spawn(program, args, { cwd: dir, stdio: 'ignore', detached: true });
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`${program} ${args.join(' ')}: exit ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const readyMs = Math.round(performance.now() - started);
    return new Running(port, readyMs, child);
  }

  memory(): number {
    return memoryOf(this.#child.pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    await exited;
  }
}

async function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Resident MiB of a process and all below it. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const own = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const below = children === '' ? [] : children.split(' ').map((child) => memoryOf(Number(child)));
  return Math.round(own + below.reduce((a, b) => a + b, 0));
}

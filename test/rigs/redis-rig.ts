import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { hasSaid } from './has-said.ts';

const SERVER = '/usr/bin/redis-server';
const INSTALL =
  'apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold redis-server';

/** A Redis of its own in a temporary folder, on a port of its own. */
export class RedisRig implements AsyncDisposable {
  readonly #dir: string;
  readonly port: number;
  readonly #options: readonly string[];
  #server: ChildProcess;

  private constructor(dir: string, port: number, options: readonly string[], server: ChildProcess) {
    this.#dir = dir;
    this.port = port;
    this.#options = options;
    this.#server = server;
  }

  /** Why there can be no server here, if so. Installs one where that takes no question: root on Debian. */
  static async missing(): Promise<string | undefined> {
    const reason = await whyMissing();
    // The usual report counts what is skipped, and does not say why.
    if (reason !== undefined) process.stderr.write(`Tests on Redis are skipped: ${reason}\n`);
    return reason;
  }

  /** @param options as in redis.conf: `--appendonly yes` */
  static async start(...options: string[]): Promise<RedisRig> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const port = await freePort();
    return new RedisRig(dir, port, options, await startServer(dir, port, options));
  }

  get url(): string {
    return this.urlFrom('127.0.0.1');
  }

  /** As it is reached by another address of this machine, which `--bind` has to name. */
  urlFrom(address: string): string {
    return `redis://${address}:${this.port}`;
  }

  /** Ends the server at once, as if the machine had gone. */
  async kill(): Promise<void> {
    const exited = once(this.#server, 'exit');
    this.#server.kill('SIGKILL');
    await exited;
  }

  /** Takes what it has on its disk, while it does not run. */
  forget(): void {
    for (const name of readdirSync(this.#dir)) rmSync(join(this.#dir, name), { recursive: true });
  }

  /** Starts it again where it was. */
  async restart(): Promise<void> {
    this.#server = await startServer(this.#dir, this.port, this.#options);
  }

  /** What `redis-cli` says to a command. */
  async cli(...command: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('/usr/bin/redis-cli', ['-p', String(this.port), ...command]);
    return stdout.trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.exitCode === null && this.#server.signalCode === null) await this.kill();
    rmSync(this.#dir, { recursive: true });
  }
}

/** Resolves when it takes connections. */
async function startServer(dir: string, port: number, options: readonly string[]): Promise<ChildProcess> {
  const server = spawn(
    SERVER,
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...options],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await hasSaid(server.stdout, /Ready to accept connections/);
  return server;
}

async function whyMissing(): Promise<string | undefined> {
  if (existsSync(SERVER)) return undefined;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return `no ${SERVER}; as root: ${INSTALL}`;
  try {
    // Several test files may come here at once. Debian starts no server of its own meanwhile.
    const lock = join(tmpdir(), 'stockpot-redis.lock');
    await promisify(execFile)('flock', [lock, 'sh', '-c', `ls ${SERVER} || { ${INSTALL}; }`], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      maxBuffer: 2 ** 26,
    });
  } catch (error) {
    return `it cannot be installed: ${String(error)}`;
  }
  return existsSync(SERVER) ? undefined : 'the package redis-server brought no server';
}

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client, type QueryResult } from 'pg';
import { hasSaid } from './has-said.ts';
import { childrenOf, isRunning, signalTo } from './process-group.ts';

const INSTALL =
  'apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold postgresql';
/** Debian makes a cluster when it installs the server, and starts it, unless this file says otherwise. */
const CREATE_CLUSTER = '/etc/postgresql-common/createcluster.conf';

const INITDB = '/usr/lib/postgresql/*/bin/initdb';
const DATABASE = 'stockpot';
/** As the language of a whole database. */
const FIRST_WITH_ICU = 15;

interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A PostgreSQL server of its own in a temporary folder, reached through a socket there: it shares neither
 * port nor data with one that the machine runs.
 */
export class PostgresRig implements AsyncDisposable {
  readonly #dir: string;
  readonly #start: () => Promise<ChildProcess>;
  #server: ChildProcess;
  #schemas = 0;
  #databases = 0;

  private constructor(dir: string, start: () => Promise<ChildProcess>, server: ChildProcess) {
    this.#dir = dir;
    this.#start = start;
    this.#server = server;
  }

  /** Why there can be no server here, if so. Installs one where that takes no question: root on Debian. */
  static async missing(): Promise<string | undefined> {
    const reason = await whyMissing();
    // The usual report counts what is skipped, and does not say why.
    if (reason !== undefined) process.stderr.write(`Tests on PostgreSQL are skipped: ${reason}\n`);
    return reason;
  }

  /**
   * One that is `durable` waits for the disk as a real one does: what a power cut would lose is not tested.
   *
   * @param options of the server: `-c name=value`
   */
  static async start(durability: 'fast' | 'durable' = 'fast', ...options: string[]): Promise<PostgresRig> {
    const [bin, user] = [binaries(), userToRun()];
    if (bin === undefined || user === undefined) throw new Error('PostgreSQL is missing');
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const data = join(dir, 'data');
    chownSync(dir, user.uid, user.gid);
    execFileSync(
      join(bin, 'initdb'),
      ['--pgdata', data, '--username=test', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
      { ...user, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const settings = durability === 'fast' ? ['-c', 'fsync=off', ...options] : options;
    const start = async (): Promise<ChildProcess> => startServer(join(bin, 'postgres'), dir, user, settings);
    const rig = new PostgresRig(dir, start, await start());
    await rig.#createDatabase(DATABASE);
    return rig;
  }

  /** Ends all of its processes at once, as if the machine had gone. */
  async kill(): Promise<void> {
    const pid = this.#server.pid ?? 0;
    const exited = once(this.#server, 'exit');
    const children = childrenOf(pid);
    this.#server.kill('SIGKILL');
    for (const child of children) signalTo(child, 'SIGKILL');
    await exited;
    // One that still has the shared memory keeps the next server from starting.
    while (children.some(isRunning)) await new Promise(setImmediate);
  }

  /** Starts it again where it was: what was committed is there. */
  async restart(): Promise<void> {
    this.#server = await this.#start();
  }

  /** Whose language orders `a` before `B` where it can: the tables must not care. */
  async #createDatabase(name: string): Promise<void> {
    const version = Number(/\/(\d+)\/bin$/.exec(binaries() ?? '')?.[1]);
    const language = version < FIRST_WITH_ICU ? '' : `LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`;
    await this.query(`CREATE DATABASE ${name} TEMPLATE template0 ${language}`, 'postgres');
  }

  get url(): string {
    return this.urlOf(DATABASE);
  }

  urlOf(database: string): string {
    return `postgres://test@${encodeURIComponent(this.#dir)}/${database}`;
  }

  /** As SQLAlchemy writes it. */
  alchemyUrlOf(database: string): string {
    return `postgresql://test@/${database}?host=${this.#dir}`;
  }

  /** Another database, and its address. */
  async newDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `${DATABASE}_${this.#databases}`;
    await this.#createDatabase(name);
    return this.urlOf(name);
  }

  /** The name of a PostgreSQL schema that is not there yet. */
  newSchema(): string {
    this.#schemas += 1;
    return `test_${this.#schemas}`;
  }

  async query(text: string, database = DATABASE): Promise<QueryResult> {
    const client = new Client({ connectionString: this.urlOf(database) });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      const exited = once(this.#server, 'exit');
      // Stops at once, in order, whoever is still connected.
      this.#server.kill('SIGINT');
      await exited;
    }
    rmSync(this.#dir, { recursive: true });
  }
}

/** Resolves when it takes connections. */
async function startServer(
  program: string,
  dir: string,
  user: User,
  settings: readonly string[],
): Promise<ChildProcess> {
  const server = spawn(
    program,
    ['-D', join(dir, 'data'), '-k', dir, '-h', '', '-c', 'deadlock_timeout=100ms', ...settings],
    { ...user, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await hasSaid(server.stderr, /ready to accept connections/);
  return server;
}

async function whyMissing(): Promise<string | undefined> {
  if (binaries() === undefined) {
    if (process.getuid?.() !== 0 || globSync('/usr/bin/apt-get').length === 0)
      return `no ${INITDB}; as root: ${INSTALL}`;
    try {
      await install();
    } catch (error) {
      return `it cannot be installed: ${String(error)}`;
    }
    if (binaries() === undefined) return 'the package postgresql brought no server';
  }
  return userToRun() === undefined ? 'root needs the user postgres' : undefined;
}

async function install(): Promise<void> {
  if (globSync(CREATE_CLUSTER).length === 0) {
    mkdirSync(dirname(CREATE_CLUSTER), { recursive: true });
    writeFileSync(CREATE_CLUSTER, 'create_main_cluster = false\n');
  }
  // Several test files may come here at once.
  const lock = join(tmpdir(), 'stockpot-postgres.lock');
  await promisify(execFile)('flock', [lock, 'sh', '-c', `ls ${INITDB} || { ${INSTALL}; }`], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 2 ** 26,
  });
}

/** The folder of the newest server that is installed. */
function binaries(): string | undefined {
  return globSync(INITDB)
    .map((path) => path.slice(0, -'/initdb'.length))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

/** PostgreSQL refuses to run as root. */
function userToRun(): User | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  if (uid === undefined || gid === undefined) return undefined;
  if (uid !== 0) return { uid, gid };
  const found = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return found === null ? undefined : { uid: Number(found[1]), gid: Number(found[2]) };
}

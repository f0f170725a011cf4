import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliRig, type Outcome } from './cli-rig.ts';
import { RedisRig } from './redis-rig.ts';
import { type Said, SaidLines } from './said-lines.ts';
import { type SharedStore, type StartStore, startFolder } from './shared-store.ts';

/** A fleet on one machine: Redis, a shared cache, projects and workers, each in a folder of its own. */
export class FleetRig implements AsyncDisposable {
  readonly redis: RedisRig;
  readonly dir: string;
  readonly store: SharedStore;
  readonly #owned: AsyncDisposable[] = [];

  private constructor(redis: RedisRig, dir: string, store: SharedStore) {
    this.redis = redis;
    this.dir = dir;
    this.store = store;
  }

  /** On a shared folder. */
  static async start(...redis: string[]): Promise<FleetRig> {
    return FleetRig.on(startFolder, ...redis);
  }

  static async on(startStore: StartStore, ...redis: string[]): Promise<FleetRig> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    return new FleetRig(await RedisRig.start(...redis), dir, await startStore(dir));
  }

  /** The folder that is shared, where one is. */
  get shared(): string {
    return join(this.dir, 'shared');
  }

  get env(): Readonly<Record<string, string>> {
    return { STOCKPOT_REDIS_URL: this.redis.url, STOCKPOT_ACCEPT: 'any', ...this.store.env };
  }

  /** A project whose profile `fleet` is this fleet. */
  async project(files: Readonly<Record<string, string>>): Promise<CliRig> {
    const rig = await CliRig.create({ 'profiles/fleet.yaml': 'executor: fleet\n', ...files });
    Object.assign(rig.env, this.env);
    this.#owned.push(rig);
    return rig;
  }

  /** Resolves when it takes work. */
  async worker(...args: string[]): Promise<WorkerProcess> {
    return this.workerIn(await this.machine(), ...args);
  }

  /**
   * A folder for workers, one after another.
   *
   * @param bin another copy of the program
   */
  async machine(bin?: string): Promise<CliRig> {
    const rig = await CliRig.create({}, bin);
    Object.assign(rig.env, this.env);
    this.#owned.push(rig);
    return rig;
  }

  async workerIn(machine: CliRig, ...args: string[]): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(machine, ...args);
    this.#owned.push(worker);
    return worker;
  }

  /** A file that whoever reads it waits for until something is written to it. */
  gate(name: string): Gate {
    const path = join(this.dir, name);
    execFileSync('mkfifo', [path]);
    return new Gate(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#owned.toReversed()) await one[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true });
  }
}

export class Gate {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Resolves when somebody has come to it, and lets them pass. */
  async open(): Promise<void> {
    // Opening a pipe to write waits until somebody reads.
    const file = await open(this.path, 'w');
    await file.write('\n');
    await file.close();
  }
}

/** `recipe worker` as a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  readonly id: string;
  readonly pid: number;
  /** What it said when it was ready. */
  readonly started: Said;
  readonly #child: ReturnType<CliRig['start']>;
  readonly #lines: SaidLines;

  private constructor(started: Said, child: ReturnType<CliRig['start']>, lines: SaidLines) {
    this.#lines = lines;
    this.started = started;
    this.id = String(started['worker']);
    this.pid = child.pid ?? 0;
    this.#child = child;
  }

  static async start(rig: CliRig, ...args: string[]): Promise<WorkerProcess> {
    const child = rig.start('worker', '--json', ...args);
    const lines = new SaidLines(child.stdout);
    const started = await lines.next();
    if (started !== undefined) return new WorkerProcess(started, child, lines);
    const { stderr } = await child;
    throw new Error(`the worker did not start: ${stderr}`);
  }

  /** Resolves when it has said a line of this type, after those that were waited for. */
  async said(type: string): Promise<Said> {
    return this.#lines.until({ type });
  }

  /** Resolves when the process is gone, whoever ended it. */
  get ended(): Promise<unknown> {
    return this.#child;
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

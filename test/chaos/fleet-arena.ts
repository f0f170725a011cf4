import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptsBelow } from '../rigs/attempt-processes.ts';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { WorkerProcess } from '../rigs/fleet-rig.ts';
import { JumpingClock } from '../rigs/jumping-clock.ts';
import { Network } from '../rigs/network.ts';
import { signalTo } from '../rigs/process-group.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import {
  type SharedStore,
  type StartStore,
  startFolder,
  startS3,
  startServed,
} from '../rigs/shared-store.ts';
import { SmallDisk } from '../rigs/small-disk.ts';
import { DriverCrew } from './driver-crew.ts';
import { type FleetRecipe, fleetProject } from './fleet-recipe.ts';

/** A worker, and the folder that it has for itself. */
export interface ArenaWorker {
  readonly rig: CliRig;
  readonly process: WorkerProcess;
  /** If it has one for itself. */
  readonly network: Network | undefined;
  readonly clock: JumpingClock;
  /** What it has for itself is on it; undefined where none can be mounted. */
  readonly disk: SmallDisk | undefined;
}

/** Of the first worker, and of the machine that runs are begun on. */
export interface ArenaNetworks {
  readonly worker: Network;
  readonly driver: Network;
}

/** One line of the execution log. */
export interface Execution {
  readonly n: number;
  readonly step: string;
  /** The attempt's `step.json`, below the folder of the machine that it ran on. */
  readonly path: string;
}

/** What the machines of an arena share. */
export type StoreKind = 'folder' | 's3' | 'server';

const STORES: Readonly<Record<StoreKind, StartStore>> = {
  folder: startFolder,
  s3: startS3,
  server: startServed,
};

interface ArenaParts {
  readonly dir: string;
  readonly redis: RedisRig;
  readonly rigs: readonly [CliRig, CliRig, CliRig];
  readonly networks: ArenaNetworks | undefined;
  readonly store: SharedStore;
  readonly disk: SmallDisk | undefined;
  readonly bin: string;
}

/** A fleet that things happen to: Redis, a shared folder, workers, and three machines that runs are begun on. */
export class FleetArena implements AsyncDisposable {
  readonly dir: string;
  readonly redis: RedisRig;
  /** Where the runs of a trial are begun. */
  readonly here: CliRig;
  /** A machine that has nothing but the shared folder. */
  readonly there: CliRig;
  /** A machine that has no fleet: what it makes is right. */
  readonly alone: CliRig;
  readonly workers: ArenaWorker[] = [];
  /** Blobs that were damaged or removed on purpose, in any trial so far. */
  readonly injured = new Set<string>();
  /** When the trial began, in milliseconds since the Unix epoch. */
  since = 0;
  /** The run that goes on. */
  driver: Driver | undefined;
  /** Undefined where none can be made. */
  readonly networks: ArenaNetworks | undefined;
  readonly store: SharedStore;
  /** Of the folder that machines share; undefined if they share something else, or none can be mounted. */
  readonly disk: SmallDisk | undefined;
  /** Of the machine that runs are begun on. */
  readonly clock: JumpingClock;
  /** Who drives what is submitted, where runs are. */
  crew: DriverCrew | undefined;
  readonly #bin: string;
  readonly #gone: ArenaWorker[] = [];

  private constructor({ dir, redis, rigs, networks, store, disk, bin }: ArenaParts) {
    this.dir = dir;
    this.redis = redis;
    this.networks = networks;
    this.store = store;
    this.disk = disk;
    [this.here, this.there, this.alone] = rigs;
    this.#bin = bin;
    for (const rig of [this.here, this.there]) Object.assign(rig.env, this.env);
    this.clock = clockOf(this.here);
    this.#move(this.here, networks?.driver);
  }

  /**
   * @param bin another copy of the program
   * @param kind of what machines share; networks can be cut where it is a folder
   */
  static async start(bin = CliRig.bin, kind: StoreKind = 'folder'): Promise<FleetArena> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const place = join(dir, 'disk');
    mkdirSync(place);
    const disk = kind === 'folder' && SmallDisk.missing() === undefined ? SmallDisk.mount(place) : undefined;
    const store = await STORES[kind](place);
    const rigs = [await CliRig.create({}, bin), await CliRig.create({}, bin), await CliRig.create({}, bin)];
    const networks =
      kind === 'folder' && (await Network.missing()) === undefined
        ? { worker: await Network.create(), driver: await Network.create() }
        : undefined;
    const reach = networks === undefined ? [] : reachableFrom(networks);
    const redis = await RedisRig.start('--appendonly', 'yes', ...reach);
    return new FleetArena({ dir, redis, rigs: rigs as [CliRig, CliRig, CliRig], networks, store, disk, bin });
  }

  /** Runs are submitted from now on, to a ledger on PostgreSQL. */
  async submits(drivers: number): Promise<DriverCrew> {
    this.crew = await DriverCrew.start(this, drivers);
    return this.crew;
  }

  get shared(): string {
    return join(this.dir, 'disk/shared');
  }

  get log(): string {
    return join(this.dir, 'executions');
  }

  /** What a machine of the fleet has in its environment. */
  get env(): Readonly<Record<string, string>> {
    return { STOCKPOT_REDIS_URL: this.redis.url, STOCKPOT_ACCEPT: 'any', ...this.store.env };
  }

  /** All three machines have this recipe now. */
  async change(recipe: Omit<FleetRecipe, 'log'>): Promise<void> {
    this.since = Date.now();
    const files = Object.entries(fleetProject({ ...recipe, log: this.log }));
    for (const rig of [this.here, this.there, this.alone])
      for (const [path, text] of files) await rig.write(path, text);
  }

  /** One more machine of the fleet, with nothing in its folder. */
  async machine(): Promise<CliRig> {
    const rig = await CliRig.create({}, this.#bin);
    Object.assign(rig.env, this.env);
    return rig;
  }

  /** Begins workers until there are so many. */
  async staff(count: number): Promise<void> {
    while (this.workers.length < count) await this.addWorker();
  }

  async addWorker(): Promise<void> {
    const rig = await this.machine();
    const own = this.networks?.worker;
    const network = this.workers.some((worker) => worker.network !== undefined) ? undefined : own;
    this.#move(rig, network);
    const clock = clockOf(rig);
    const disk = this.disk === undefined ? undefined : diskOf(rig);
    this.workers.push({ rig, network, clock, disk, process: await begunWorker(rig) });
  }

  /** Gives a machine a network of its own. */
  #move(rig: CliRig, network: Network | undefined): void {
    if (network === undefined) return;
    rig.prefix = network.prefix;
    rig.env['STOCKPOT_REDIS_URL'] = this.redis.urlFrom(network.address);
  }

  async killWorker(worker: ArenaWorker): Promise<void> {
    const at = this.workers.indexOf(worker);
    if (at === -1) return;
    this.workers.splice(at, 1);
    this.#gone.push(worker);
    await worker.process.end('SIGKILL');
  }

  begin(rig: CliRig): Driver {
    const isSubmitted = this.crew !== undefined && rig === this.here;
    this.driver = new Driver(rig, isSubmitted ? SUBMIT : RUN);
    return this.driver;
  }

  get executions(): readonly Execution[] {
    if (!existsSync(this.log)) return [];
    return readFileSync(this.log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [n = '', step = '', path = ''] = line.split(' ');
        return { n: Number(n), step, path };
      });
  }

  /** Without those of the machine that does the same alone. */
  get executedOnFleet(): readonly Execution[] {
    return this.executions.filter(({ path }) => !path.startsWith(`${this.alone.dir}/`));
  }

  /** Processes of attempts of any worker that was ever begun here. */
  attempts(): readonly string[] {
    return attemptsBelow([...this.workers, ...this.#gone].map(({ rig }) => rig.dir)).map(({ pid }) => pid);
  }

  /** Steps that a worker runs just now. */
  runningOn(worker: ArenaWorker): readonly string[] {
    const paths = new Set(attemptsBelow([worker.rig.dir]).map(({ path }) => path));
    return this.executions.filter(({ path }) => paths.has(path)).map(({ step }) => step);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver?.kill();
    await this.crew?.[Symbol.asyncDispose]();
    for (let [worker] = this.workers; worker !== undefined; [worker] = this.workers)
      await this.killWorker(worker);
    for (const pid of this.attempts()) signalTo(Number(pid), 'SIGKILL');
    await this.redis[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    this.disk?.[Symbol.dispose]();
    for (const { disk } of this.#gone) disk?.[Symbol.dispose]();
    await this.networks?.worker[Symbol.asyncDispose]();
    await this.networks?.driver[Symbol.asyncDispose]();
    for (const rig of [this.here, this.there, this.alone, ...this.#gone.map((worker) => worker.rig)])
      await rig[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** As whoever looks after workers does: one that finds no Redis when it begins, as that was killed too, is begun again. */
async function begunWorker(rig: CliRig): Promise<WorkerProcess> {
  for (;;)
    try {
      return await WorkerProcess.start(rig, '--concurrency', '2');
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('REDIS_UNREACHABLE'))) throw error;
    }
}

/** A machine is given a clock of its own, which can be put wrong. */
function clockOf(rig: CliRig): JumpingClock {
  const clock = new JumpingClock(join(rig.dir, 'clock'));
  rig.env['NODE_OPTIONS'] = clock.option;
  return clock;
}

function diskOf(rig: CliRig): SmallDisk {
  const path = join(rig.dir, 'disk');
  mkdirSync(path);
  rig.env['STOCKPOT_HOME'] = join(path, 'home');
  return SmallDisk.mount(path);
}

function reachableFrom({ worker, driver }: ArenaNetworks): string[] {
  return ['--bind', '127.0.0.1', worker.address, driver.address, '--protected-mode', 'no'];
}

/** How a command ends that does not reach what it needs. */
const OUT_OF_REACH = 69;
const RUN = ['run', '--json', '-p', 'fleet'];
const SUBMIT = ['run', '-p', 'fleet', '--submit', '--json'];

/** A run as who began it sees it: `recipe run -p fleet`, or one that is submitted and then followed. */
export class Driver {
  readonly ended: Promise<Outcome>;
  readonly rig: CliRig;
  #child: ReturnType<CliRig['start']>;
  #isKilled = false;

  constructor(rig: CliRig, command: readonly string[]) {
    this.rig = rig;
    this.#child = rig.start(...command);
    this.ended = command === SUBMIT ? this.#follow() : this.#outcome();
  }

  /** Until it has ended: whoever follows may lose the ledger on the way. */
  async #follow(): Promise<Outcome> {
    const submitted = await this.#outcome();
    if (submitted.out === '') return submitted;
    const { run } = JSON.parse(submitted.out) as { readonly run: string };
    for (;;) {
      if (this.#isKilled) return submitted;
      this.#child = this.rig.start('attach', '--json', run);
      const outcome = await this.#outcome();
      if (outcome.exit !== OUT_OF_REACH) return outcome;
    }
  }

  async #outcome(): Promise<Outcome> {
    const { exitCode, signal, stdout, stderr } = await this.#child;
    return { exit: exitCode, signal, out: stdout, err: stderr };
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** What it came to; one that does not end in time is killed. */
  async endWithin(ms: number): Promise<{ readonly isLate: boolean; readonly outcome: Outcome }> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#isKilled = true;
      this.#child.kill('SIGKILL');
    }, ms);
    const outcome = await this.ended;
    clearTimeout(timer);
    return { isLate, outcome };
  }
}

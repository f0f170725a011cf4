import type { CliRig } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

/** What a crew needs of an arena. */
interface Arena {
  /** Where runs are submitted. */
  readonly here: CliRig;
  readonly machine: () => Promise<CliRig>;
}

/** A driver, and the folder that it has for itself. */
interface CrewDriver {
  readonly rig: CliRig;
  readonly process: DriverProcess;
  /** Whether it has said that it drives a run before it ended. */
  readonly drives: Promise<boolean>;
}

/** A ledger on PostgreSQL, and drivers that take what an arena submits to it. */
export class DriverCrew implements AsyncDisposable {
  readonly postgres: PostgresRig;
  readonly drivers: CrewDriver[] = [];
  readonly #arena: Arena;
  readonly #rigs: CliRig[] = [];

  private constructor(arena: Arena, postgres: PostgresRig) {
    this.#arena = arena;
    this.postgres = postgres;
  }

  static async start(arena: Arena, count: number): Promise<DriverCrew> {
    const crew = new DriverCrew(arena, await PostgresRig.start());
    Object.assign(arena.here.env, crew.#env);
    while (crew.drivers.length < count) await crew.add();
    return crew;
  }

  get #env(): Readonly<Record<string, string>> {
    return { STOCKPOT_DATABASE_URL: this.postgres.url };
  }

  async add(): Promise<void> {
    const rig = await this.#arena.machine();
    Object.assign(rig.env, this.#env);
    this.#rigs.push(rig);
    const process = await DriverProcess.start(rig);
    const drives = process.said('running').then(
      () => true,
      () => false,
    );
    this.drivers.push({ rig, process, drives });
  }

  async kill(driver: CrewDriver): Promise<void> {
    this.drivers.splice(this.drivers.indexOf(driver), 1);
    await driver.process.end('SIGKILL');
  }

  /** The one that says first that it drives a run. */
  async driving(): Promise<CrewDriver> {
    return Promise.any(
      this.drivers.map(async (driver) => {
        if (await driver.drives) return driver;
        throw new Error('it ended');
      }),
    );
  }

  /** The id of a run of the arena's recipe that was accepted. */
  async submit(): Promise<string> {
    const { out, err } = await this.#arena.here.recipe('run', '-p', 'fleet', '--submit', '--json');
    if (out === '') throw new Error(`nothing was submitted: ${err}`);
    return (JSON.parse(out) as { run: string }).run;
  }

  follow(run: string): FollowedRun {
    return new FollowedRun(this.#arena.here.start('attach', '--json', run));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.drivers) await process.end('SIGKILL');
    delete this.#arena.here.env['STOCKPOT_DATABASE_URL'];
    await this.postgres[Symbol.asyncDispose]();
    for (const rig of this.#rigs) await rig[Symbol.asyncDispose]();
  }
}

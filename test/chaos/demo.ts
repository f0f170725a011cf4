import { completeResults } from '../rigs/check-home.ts';
import type { DriverCrew } from './driver-crew.ts';
import { type ArenaWorker, FleetArena } from './fleet-arena.ts';
import { checkRest, checkShared, differences, givenBy } from './fleet-oracle.ts';
import { STEPS } from './fleet-recipe.ts';
import { until } from './until.ts';

/** Of the longest chain of steps, undisturbed, at a pace of 1. */
const CHAIN_SECONDS = 1.7;

/** What is seen of the story at a glance. */
export type Tell = (line: string) => void;

/**
 * A run that was submitted to a fleet, whose worker, Redis and driver are killed one after another, told as it goes on.
 * Gives what was not as it is promised.
 * @param seconds that the run takes if nothing happens to it, about
 */
export async function demo(seconds: number, tell: Tell): Promise<readonly string[]> {
  await using arena = await FleetArena.start();
  const crew = await arena.submits(2);
  await arena.staff(3);
  tell(
    'a fleet: Redis, PostgreSQL, a shared folder, 3 workers and 2 drivers, each a process in a folder of its own',
  );
  const pace = seconds / CHAIN_SECONDS;
  await arena.change({ n: 1, longest: seconds / 4, pace });
  const onOneMachine = arena.alone.events('--jobs', '10');
  const story = new Story(arena, crew, tell);
  const run = await crew.submit();
  tell(`recipe run --submit: ${run} is accepted, ${STEPS} steps; nobody waits for it at a terminal`);
  const followed = crew.follow(run);
  const ending = followed.end();
  const driver = await crew.driving();
  tell('a driver has taken it');

  await story.killWorker();
  await story.killRedis();
  await story.killDriver(driver);

  const { exit, events } = await ending;
  const last = events.slice(events.findLastIndex(({ type }) => type === 'run.started'));
  const expected = givenBy(await onOneMachine);
  const wrong = [
    ...(exit === 0 ? [] : [`recipe attach ends with ${String(exit)}`]),
    ...(expected.size === STEPS ? [] : [`a run on one machine ends with ${expected.size} steps`]),
    ...differences(givenBy(last), expected),
    ...story.repeated(),
    ...(await checkRest(arena)),
    ...checkShared(arena),
  ];
  tell(`the run has ended, recipe attach with ${String(exit)}`);
  tell(story.counts());
  return wrong;
}

/** What is killed, and what Stockpot makes of it. */
class Story {
  readonly #arena: FleetArena;
  readonly #crew: DriverCrew;
  readonly #tell: Tell;
  /** Steps that were lost with the worker that ran them. */
  #lost: readonly string[] = [];
  /** How often a step had been executed when it was first seen to be committed. */
  readonly #committed = new Map<string, number>();

  constructor(arena: FleetArena, crew: DriverCrew, tell: Tell) {
    this.#arena = arena;
    this.#crew = crew;
    this.#tell = tell;
  }

  async killWorker(): Promise<void> {
    const arena = this.#arena;
    let worker: ArenaWorker | undefined;
    await until('a worker runs a step, and another step is committed', () => {
      if (completeResults(arena.shared).size === 0) return false;
      worker = arena.workers.find((one) => arena.runningOn(one).length > 0);
      return worker !== undefined;
    });
    if (worker === undefined) return;
    await arena.killWorker(worker);
    this.#note();
    // What it had finished in its last moment is lost to nobody.
    this.#lost = [...new Set(this.#executedBy(worker))].filter((step) => !this.#committed.has(step));
    this.#tell(`KILLED a worker, while it ran ${this.#lost.join(', ')}`);
    const since = performance.now();
    await until('what it ran is begun again', () => this.#lost.every((step) => this.#count(step) > 1));
    this.#tell(`  its lock lapsed: begun again by others after ${secondsSince(since)} s`);
  }

  async killRedis(): Promise<void> {
    const arena = this.#arena;
    const running = arena.workers.flatMap((worker) => arena.runningOn(worker));
    await arena.redis.kill();
    this.#note();
    this.#tell(
      `KILLED Redis, with all that it held, while ${running.length} steps ran: ${running.join(', ')}`,
    );
    const before = this.#arena.executedOnFleet.length;
    const since = performance.now();
    await arena.redis.restart();
    await until('something new is begun', () => this.#arena.executedOnFleet.length > before);
    this.#tell(
      `  it is back, empty: what ran goes on, what waited is put back, ${this.#arena.executedOnFleet.at(-1)?.step} is begun after ${secondsSince(since)} s`,
    );
  }

  async killDriver(driver: DriverCrew['drivers'][number]): Promise<void> {
    const { shared } = this.#arena;
    await until('half of the steps are committed', () => completeResults(shared).size * 2 >= STEPS - 1);
    await this.#crew.kill(driver);
    this.#note();
    this.#tell(`KILLED the driver, with ${this.#committed.size} of ${STEPS} steps committed`);
    const since = performance.now();
    await this.#crew.driving();
    this.#tell(
      `  its lease lapsed: the other driver goes on with the run after ${secondsSince(since)} s, without what is done`,
    );
  }

  /** Committed steps that were executed again, and others that were for no reason. */
  repeated(): string[] {
    return [...new Set(this.#arena.executedOnFleet.map(({ step }) => step))].flatMap((step) => {
      const [count, committed] = [this.#count(step), this.#committed.get(step)];
      if (committed !== undefined && count > committed)
        return [`${step} is executed again, though it was committed`];
      return count > (this.#lost.includes(step) ? 2 : 1) ? [`${step} is executed ${count} times`] : [];
    });
  }

  counts(): string {
    const all = this.#arena.executedOnFleet.length;
    const again = this.#lost.length;
    return `${STEPS} steps, ${all} executions: ${again} were begun again, as the worker that ran them was killed; committed steps that were repeated: ${this.repeated().length}`;
  }

  #count(step: string): number {
    return this.#arena.executedOnFleet.filter((one) => one.step === step).length;
  }

  #executedBy({ rig }: ArenaWorker): string[] {
    return this.#arena.executedOnFleet
      .filter(({ path }) => path.startsWith(`${rig.dir}/`))
      .map(({ step }) => step);
  }

  /** Keeps how often each step that is committed now was executed so far. */
  #note(): void {
    for (const step of completeResults(this.#arena.shared).values())
      if (!this.#committed.has(step)) this.#committed.set(step, this.#count(step));
  }
}

function secondsSince(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}

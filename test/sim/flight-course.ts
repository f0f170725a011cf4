import { RunLeft } from '../../src/engine/run-left.ts';
import { type Course, type Setting, settingOf, spread, Trouble } from './course.ts';
import { FlightCheck } from './flight-check.ts';
import { FlightStory } from './flight-story.ts';
import { type Chain, chainOf, type StepPlan } from './flight-tasks.ts';
import { type Machine, machineOf } from './machines.ts';
import { Service } from './network.ts';
import { type Bytes, SimDisk } from './sim-disk.ts';
import { SimProcess } from './sim-process.ts';
import { SimRedis } from './sim-redis.ts';
import { SimRun } from './sim-run.ts';
import { SimShared } from './sim-shared.ts';
import { SimWorker } from './sim-worker.ts';

const TROUBLE_MS = 120_000;
/** Whatever was begun has ended so long after nothing goes wrong any more. */
const END_MS = TROUBLE_MS + 15 * 60_000;
/** So long after all runs have ended nothing is left of them. */
const REST_MS = 60_000;

interface WorkerMachine extends Machine {
  disk: SimDisk;
  worker: SimWorker | undefined;
}

interface DriverMachine extends Machine {
  readonly disk: SimDisk;
  readonly run: string;
  readonly isForced: boolean;
  readonly chains: readonly Chain[];
  stop: AbortController;
  isOver: boolean;
}

/** Runs whose steps go to workers, through a Redis and a store that are away, lose things, and are not heard of. */
export async function flightCourse(seed: number): Promise<Course> {
  const setting = settingOf(seed);
  await using fleet = new FlightFleet(setting);
  return { seed, kind: 'flights', ...(await fleet.run()) };
}

class FlightFleet implements AsyncDisposable {
  readonly #setting: Setting;
  readonly #story: FlightStory;
  readonly #check: FlightCheck;
  readonly #cut = new Set<SimProcess>();
  readonly #store: Service;
  readonly #redis: SimRedis;
  readonly #shared: SimShared;
  readonly #bytes: Bytes = new Map();
  readonly #disks: SimDisk[] = [];
  readonly #plans = new Map<string, StepPlan>();
  readonly #workers: readonly WorkerMachine[];
  readonly #drivers: readonly DriverMachine[];
  #processes = 0;

  constructor(setting: Setting) {
    const { timeline, random, mood } = setting;
    this.#setting = setting;
    this.#story = new FlightStory(timeline);
    this.#check = new FlightCheck(timeline, this.#story, mood !== 'wild');
    this.#store = new Service('the store', timeline, this.#cut);
    this.#redis = new SimRedis(new Service('Redis', timeline, this.#cut));
    this.#shared = new SimShared(this.#store, this.#bytes, this.#check);
    this.#check.watch(this.#shared);
    this.#workers = Array.from({ length: 2 + random.below(3) }, (_, n) => ({
      ...machineOf(setting, `worker-${n}`),
      disk: this.#newDisk(),
      worker: undefined,
    }));
    const chains = Array.from({ length: 2 + random.below(4) }, (_, n) => chainOf(setting, `s${n}-`));
    for (const plan of chains.flat()) this.#plans.set(plan.name, plan);
    this.#drivers = Array.from({ length: 2 + random.below(4) }, (_, n) => ({
      ...machineOf(setting, `run-${n}`),
      disk: this.#newDisk(),
      run: `run-${n}`,
      isForced: random.below(5) === 0,
      // Some want the same.
      chains: chains.filter(() => random.below(3) > 0),
      stop: new AbortController(),
      isOver: false,
    }));
  }

  async run(): Promise<Pick<Course, 'trace' | 'violations' | 'faults'>> {
    const { timeline, random, mood } = this.#setting;
    const { violations } = this.#check;
    for (const machine of this.#workers) this.#startWorker(machine);
    for (const machine of this.#drivers) {
      // None has begun.
      machine.process.end();
      timeline.after(random.below(90_000), () => this.#startDriver(machine));
      if (random.below(6) === 0) timeline.after(random.below(90_000), () => this.#cancel(machine));
    }
    const trouble = mood === 'quiet' ? undefined : new Trouble(this.#setting, TROUBLE_MS, this.#faults());
    timeline.after(TROUBLE_MS, () => (this.#store.lostAnswers = this.#redis.service.lostAnswers = 0));
    const haveEnded = (): boolean => timeline.now > TROUBLE_MS && this.#drivers.every(({ isOver }) => isOver);
    if (!(await timeline.run(() => violations.length > 0 || haveEnded(), END_MS)))
      for (const { run, isOver } of this.#drivers)
        if (!isOver) violations.push(`F6 ${run} has not ended long after nothing went wrong any more`);
    if (violations.length === 0) {
      await timeline.run(() => violations.length > 0, timeline.now + REST_MS);
      violations.push(...this.#left());
      if (mood !== 'wild') violations.push(...this.#check.repeated());
    }
    return { trace: timeline.trace, violations, faults: trouble?.count ?? 0 };
  }

  /** What is there still, though no run is. */
  #left(): string[] {
    const busy = this.#workers.filter(({ worker, process }) => !process.isDead && worker?.isIdle === false);
    return [
      ...busy.map(({ name }) => `F7 ${name} works on, and nobody waits for it`),
      ...this.#redis.messages.map((id) => `F7 the message ${id.slice(0, 8)}… is left`),
    ];
  }

  #newDisk(): SimDisk {
    const disk = new SimDisk(this.#bytes);
    this.#disks.push(disk);
    return disk;
  }

  #newProcess(machine: Machine): SimProcess {
    this.#processes += 1;
    return new SimProcess(`${machine.name}.${this.#processes}`, this.#setting.timeline, machine.clock);
  }

  #startWorker(machine: WorkerMachine): void {
    const { timeline, random } = this.#setting;
    machine.process = this.#newProcess(machine);
    // A new machine has nothing.
    if (random.below(3) === 0) machine.disk = this.#newDisk();
    machine.worker = new SimWorker({
      process: machine.process,
      disk: machine.disk,
      redis: this.#redis,
      shared: this.#shared,
      check: this.#check,
      plans: this.#plans,
      slots: 1 + random.below(2),
      onEnd: () => timeline.after(random.below(20_000), () => this.#startWorker(machine)),
    });
    machine.worker.start();
  }

  #startDriver(machine: DriverMachine): void {
    if (machine.isOver || !machine.process.isDead) return;
    const { run, disk, chains, isForced } = machine;
    machine.process = this.#newProcess(machine);
    machine.stop = new AbortController();
    const { signal } = machine.stop;
    const place = {
      process: machine.process,
      disk,
      redis: this.#redis,
      shared: this.#shared,
      run,
      isForced,
      signal,
    };
    const end = (): void => {
      place.process.end();
      this.#setting.timeline.note(run, 'has ended');
      if (signal.reason instanceof RunLeft) this.#startDriverLater(machine);
      else machine.isOver = true;
    };
    void new SimRun({ ...place, check: this.#check, story: this.#story }).drive(chains).then(end);
  }

  #startDriverLater(machine: DriverMachine): void {
    const { timeline, random } = this.#setting;
    timeline.after(random.below(20_000), () => this.#startDriver(machine));
  }

  #cancel(machine: DriverMachine): void {
    this.#setting.timeline.note(machine.name, 'is cancelled');
    machine.stop.abort(new Error('cancelled'));
  }

  #faults(): [() => void, ...(() => void)[]] {
    const { mood, random } = this.#setting;
    const anyMessage = (): number => random.below(100);
    const harmless: [() => void, ...(() => void)[]] = [
      () => this.#store.goAway(500 + random.below(20_000)),
      () => this.#redis.service.goAway(500 + random.below(20_000)),
      () => (this.#store.lostAnswers = random.pick([0, 5, 20])),
      () => (this.#redis.service.lostAnswers = random.pick([0, 5, 20])),
      () => this.#redis.loseMessage(anyMessage()),
      () => this.#redis.giveTwice(anyMessage()),
      () => this.#redis.restart(random.below(5000)),
      () => this.#redis.restart(random.below(500)),
      () => this.#someOf([...this.#workers, ...this.#drivers]).clock.jump(spread(this.#setting, 3_600_000)),
    ];
    if (mood === 'deaf') return harmless;
    return [
      ...harmless,
      () => this.#kill(this.#someOf(this.#workers), (machine) => this.#startWorkerLater(machine)),
      () => this.#kill(this.#someOf(this.#workers), (machine) => this.#startWorkerLater(machine)),
      () => this.#kill(this.#someOf(this.#drivers), (machine) => this.#startDriverLater(machine)),
      () => this.#someOf(this.#workers).process.tellToEnd(),
      () => this.#someOf(this.#drivers).stop.abort(new RunLeft()),
      () => this.#stop(this.#someOf([...this.#workers, ...this.#drivers]).process),
      () => this.#cutOff(this.#someOf([...this.#workers, ...this.#drivers]).process),
      () => this.#forget(),
      () => this.#injure((digest) => this.#shared.lose(digest)),
      () => this.#injure((digest) => this.#shared.flip(digest)),
    ];
  }

  #someOf<T>(machines: readonly T[]): T {
    return machines[this.#setting.random.below(machines.length)] as T;
  }

  #kill<M extends Machine>(machine: M, startLater: (machine: M) => void): void {
    if (machine.process.isDead) return;
    machine.process.die();
    startLater(machine);
  }

  #startWorkerLater(machine: WorkerMachine): void {
    const { timeline, random } = this.#setting;
    timeline.after(random.below(20_000), () => this.#startWorker(machine));
  }

  #stop(process: SimProcess): void {
    const ms = this.#setting.random.below(20_000);
    this.#story.doubt(process, ms);
    process.standStill(ms);
  }

  #cutOff(process: SimProcess): void {
    const { timeline, random } = this.#setting;
    const ms = random.below(20_000);
    this.#story.doubt(process, ms);
    timeline.note(process.name, `is cut off for ${ms} ms`);
    this.#cut.add(process);
    this.#redis.disconnect(process);
    timeline.after(ms, () => {
      this.#cut.delete(process);
      this.#redis.reconnect(process);
    });
  }

  #forget(): void {
    this.#story.redisForgot();
    this.#redis.empty();
  }

  #injure(how: (digest: SimShared['blobs'][number]) => void): void {
    const { blobs } = this.#shared;
    if (blobs.length === 0) return;
    const digest = this.#someOf(blobs);
    this.#setting.timeline.note('the store', `a blob is damaged: ${digest.slice(0, 6)}…`);
    this.#story.injured(digest);
    how(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const disk of this.#disks) disk[Symbol.dispose]();
  }
}

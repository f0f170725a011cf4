import type { Fingerprint, StepId, StepName } from '../../src/core/ids.ts';
import type { PlanStep } from '../../src/core/plan.ts';
import { type LimitedRun as Limited, SharedLimits } from '../../src/engine/shared-limits.ts';
import { HeldLimits } from '../../src/ledger/held-limits.ts';
import { planStepOf } from './flight-tasks.ts';
import type { Execution, LimitWatch } from './limit-watch.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';
import type { Timeline } from './timeline.ts';

/** A step that counts against limits while it runs. */
export interface LimitedStep {
  readonly name: string;
  readonly limits: readonly string[];
  readonly ms: number;
  /** On a fleet it goes on when its driver dies, and is one with the same step of another run. */
  readonly isElsewhere: boolean;
}

/** Whatever runs on workers, and outlives drivers. */
export class SimFlights {
  readonly #timeline: Timeline;
  readonly #watch: LimitWatch;
  readonly #under = new Map<string, { readonly isOver: Promise<void> }>();

  constructor(timeline: Timeline, watch: LimitWatch) {
    this.#timeline = timeline;
    this.#watch = watch;
  }

  /** Resolves when it has ended, whoever began it. */
  async fly({ flight, limits }: Execution, ms: number): Promise<void> {
    const there = this.#under.get(flight);
    if (there !== undefined) return there.isOver;
    const { promise, resolve } = Promise.withResolvers<void>();
    const execution = { flight, limits };
    this.#under.set(flight, { isOver: promise });
    this.#watch.begins(execution);
    this.#timeline.after(ms, () => {
      this.#watch.ends(execution);
      resolve();
    });
    return promise;
  }
}

export interface LimitedPlace {
  readonly process: SimProcess;
  readonly ledger: SimLedger;
  readonly watch: LimitWatch;
  readonly flights: SimFlights;
  readonly run: string;
  readonly settings: Limited['plan']['settings'];
  /** Steps at once. */
  readonly jobs: number;
  /** Names of steps that have ended. */
  readonly done: Set<string>;
}

interface Running {
  readonly planned: PlanStep;
  /** Undefined: it goes on elsewhere. */
  readonly here: Execution | undefined;
}

/** What an engine does of a run, as far as its limits go: steps that are all ready, and begin as they may. */
export class LimitedRun {
  readonly #place: LimitedPlace;
  readonly #held: HeldLimits;
  readonly #limits: SharedLimits;
  /** By name. */
  readonly #running = new Map<string, Running>();
  #wake: () => void = () => {};

  constructor(place: LimitedPlace) {
    const { process, ledger, run, settings } = place;
    this.#place = place;
    this.#held = new HeldLimits({ open: async () => ledger.of(process), clock: process.clock });
    this.#limits = new SharedLimits(
      {
        id: run as Limited['id'],
        plan: { settings },
        machine: { isElsewhere: ({ queue }) => queue !== undefined },
        world: { clock: process.clock },
        limits: this.#held,
      },
      {
        emit: (event) => {
          if (event.type === 'step.waiting') this.#note(`${event.step} waits for ${event.holder}`);
        },
        onGrant: () => this.#wake(),
      },
    );
  }

  /** Until all steps have ended, or the process is told to end. Gives whether they have. */
  async drive(steps: readonly LimitedStep[]): Promise<boolean> {
    const { done, process } = this.#place;
    const { signal } = process;
    const isOver = (): boolean => steps.every(({ name }) => done.has(name));
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      for (const step of steps) this.#tryToStart(step);
      this.#limits.settle(false);
      if (isOver()) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#leave();
    this.#limits.settle(true);
    await this.#held[Symbol.asyncDispose]();
    this.#note(isOver() ? 'has ended' : 'is left');
    return isOver();
  }

  /** What runs here is stopped; what runs elsewhere goes on, for another driver to see to its end. */
  #leave(): void {
    for (const { planned, here } of this.#running.values()) {
      if (here !== undefined) this.#place.watch.ends(here);
      this.#limits.leave(planned, here === undefined);
    }
    this.#running.clear();
  }

  #tryToStart(step: LimitedStep): void {
    const { done, jobs } = this.#place;
    if (done.has(step.name) || this.#running.has(step.name) || this.#running.size >= jobs) return;
    const planned = plannedStep(step);
    if (this.#limits.blockedBy(planned, step.name as Fingerprint) !== undefined) return;
    this.#limits.enter(planned);
    const { name, limits, isElsewhere } = step;
    const here = isElsewhere ? undefined : { flight: `${name} ${this.#place.run} ${name}`, limits };
    const running = { planned, here };
    this.#running.set(name, running);
    void this.#execute(step, running);
  }

  async #execute({ name, limits, ms }: LimitedStep, running: Running): Promise<void> {
    const { process, flights, watch, done } = this.#place;
    const { planned, here } = running;
    this.#note(`${name} begins`);
    if (here === undefined) {
      await flights.fly({ flight: name, limits }, ms);
      // A driver hears of it a moment later.
      await process.answer(5, () => {});
    } else {
      watch.begins(here);
      process.onDeath(() => watch.ends(here));
      await process.answer(ms, () => {});
    }
    // It was left meanwhile.
    if (this.#running.get(name) !== running) return;
    if (here !== undefined) watch.ends(here);
    this.#note(`${name} ended`);
    done.add(name);
    this.#running.delete(name);
    this.#limits.leave(planned, false);
    this.#wake();
  }

  #note(what: string): void {
    const { process, run } = this.#place;
    process.timeline.note(process.name, `${run} ${what}`);
  }
}

function plannedStep({ name, limits, isElsewhere }: LimitedStep): PlanStep {
  const { queue, ...step } = planStepOf({ name, queue: 'default' });
  return { ...step, id: name as StepId, name: name as StepName, limits, ...(isElsewhere ? { queue } : {}) };
}

import type { PlanStep } from '../core/plan.ts';
import type { Machine } from './run-options.ts';

/** What of the machine and of the named limits is taken by attempts that run. */
export class Room {
  readonly #machine: Machine;
  readonly #jobs: () => number;
  readonly #limits: Readonly<Record<string, number>>;
  readonly #held = new Map<string, number>();
  #running = 0;
  #cpus = 0;
  #memoryBytes = 0;

  /** @param jobs attempts at once: on a fleet, workers come and go */
  constructor(machine: Machine, jobs: () => number, limits: Readonly<Record<string, number>>) {
    this.#machine = machine;
    this.#jobs = jobs;
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#running >= this.#jobs();
  }

  /** What the step has to wait for; undefined if it may start. One alone may always: its wish is fitted. */
  blockedBy(step: PlanStep): { reason: 'limit' | 'resources'; holder: string } | undefined {
    for (const name of step.limits)
      if ((this.#held.get(name) ?? 0) >= (this.#limits[name] ?? Infinity))
        return { reason: 'limit', holder: name };
    if (this.#running === 0) return undefined;
    const { cpus, memoryBytes } = this.#wish(step);
    if (this.#cpus + cpus > Math.max(this.#machine.cpus, this.#jobs()))
      return { reason: 'resources', holder: 'cpus' };
    if (this.#memoryBytes + memoryBytes > this.#machine.memoryBytes)
      return { reason: 'resources', holder: 'memory' };
    return undefined;
  }

  enter(step: PlanStep): void {
    this.#change(step, 1);
  }

  leave(step: PlanStep): void {
    this.#change(step, -1);
  }

  #change(step: PlanStep, by: 1 | -1): void {
    const { cpus, memoryBytes } = this.#wish(step);
    this.#running += by;
    this.#cpus += by * cpus;
    this.#memoryBytes += by * memoryBytes;
    for (const name of step.limits) this.#held.set(name, (this.#held.get(name) ?? 0) + by);
  }

  #wish({ resources }: PlanStep): { cpus: number; memoryBytes: number } {
    return {
      cpus: Math.min(resources.cpus ?? 1, this.#machine.cpus),
      memoryBytes: Math.min(resources.memoryBytes ?? 0, this.#machine.memoryBytes),
    };
  }
}

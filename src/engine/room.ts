import type { StepId } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import { Gpus, type HeldGpus } from './gpus.ts';
import type { Machine } from './run-options.ts';

/** What of the machine is taken by attempts that run. */
export class Room {
  readonly #machine: Machine;
  readonly #jobs: () => number;
  readonly #gpus: Gpus;
  readonly #heldGpus = new Map<StepId, HeldGpus>();
  #running = 0;
  #cpus = 0;
  #memoryBytes = 0;

  /** @param jobs attempts at once: on a fleet, workers come and go */
  constructor(machine: Machine, jobs: () => number) {
    this.#machine = machine;
    this.#gpus = new Gpus(machine.gpus);
    this.#jobs = jobs;
  }

  get isFull(): boolean {
    return this.#running >= this.#jobs();
  }

  /**
   * What the step has to wait for; undefined if it may start. One alone may always, as its wish is fitted; but
   * for GPUs, of which it may not want more than there are.
   */
  blockedBy(step: PlanStep): { reason: 'resources'; holder: string } | undefined {
    if (!this.#machine.isElsewhere(step) && !this.#gpus.areFree(step))
      return { reason: 'resources', holder: 'gpus' };
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
    if (!this.#machine.isElsewhere(step)) this.#heldGpus.set(step.id, this.#gpus.take(step));
  }

  /** The GPUs that a step that has entered may see; undefined if nothing is said of them. */
  gpusOf(step: PlanStep): readonly string[] | undefined {
    return this.#heldGpus.get(step.id)?.visible;
  }

  leave(step: PlanStep): void {
    this.#change(step, -1);
    this.#heldGpus.get(step.id)?.[Symbol.dispose]();
    this.#heldGpus.delete(step.id);
  }

  #change(step: PlanStep, by: 1 | -1): void {
    const { cpus, memoryBytes } = this.#wish(step);
    this.#running += by;
    this.#cpus += by * cpus;
    this.#memoryBytes += by * memoryBytes;
  }

  #wish({ resources }: PlanStep): { cpus: number; memoryBytes: number } {
    return {
      cpus: Math.min(resources.cpus ?? 1, this.#machine.cpus),
      memoryBytes: Math.min(resources.memoryBytes ?? 0, this.#machine.memoryBytes),
    };
  }
}

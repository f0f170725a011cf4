import type { PlanStep } from '../core/plan.ts';

/** The GPUs that steps on a machine may have. */
export interface MachineGpus {
  /** As `CUDA_VISIBLE_DEVICES` names them. */
  readonly ids: readonly string[];
  /**
   * Somebody said which: a step that asks for none then sees none. Where they were only found it goes on
   * seeing all, as before it could ask: a training that nobody told of `gpus` would not fail without them,
   * but take days on the processor.
   */
  readonly areSaid: boolean;
}

/** Gives each attempt GPUs of its own, for as long as its process runs. */
export class Gpus {
  readonly #machine: MachineGpus;
  readonly #free: Set<string>;

  constructor(machine: MachineGpus) {
    this.#machine = machine;
    this.#free = new Set(machine.ids);
  }

  areFree({ resources }: Pick<PlanStep, 'resources'>): boolean {
    return (resources.gpus ?? 0) <= this.#free.size;
  }

  /** Takes them in the machine's order. To be called only if enough are free. */
  take({ resources }: Pick<PlanStep, 'resources'>): HeldGpus {
    const isAsked = resources.gpus !== undefined || this.#machine.areSaid;
    const held = this.#machine.ids.filter((id) => this.#free.has(id)).slice(0, resources.gpus ?? 0);
    for (const id of held) this.#free.delete(id);
    let left: readonly string[] = held;
    return {
      visible: isAsked ? held : undefined,
      [Symbol.dispose]: () => {
        for (const id of left) this.#free.add(id);
        left = [];
      },
    };
  }
}

/** GPUs that one attempt has; disposing of them, more than once too, gives them back. */
export interface HeldGpus extends Disposable {
  /** What the step may see; undefined if nothing is said of it. */
  readonly visible: readonly string[] | undefined;
}

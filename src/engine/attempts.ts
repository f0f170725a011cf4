import type { Unstamped } from '../core/events.ts';
import type { Fingerprint } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import { CheckpointTurns } from './checkpoint-turns.ts';
import type { Holder } from './holder.ts';
import type { AttemptOutcome, Task, TaskHooks } from './ports.ts';
import type { PreparedTask } from './prepare-task.ts';
import { requireGpus } from './require-gpus.ts';
import { Room } from './room.ts';
import { RunLeft } from './run-left.ts';
import type { RunOptions } from './run-options.ts';
import { SharedLimits } from './shared-limits.ts';
import { SingleFlight } from './single-flight.ts';

interface AttemptsHooks {
  readonly emit: (event: Unstamped) => void;
  /** Called when something that waits may have room now, though no attempt has ended. */
  readonly onRoom: () => void;
}

/** Attempts, for each that runs, which may be hashing and writing outputs while others run. */
const PUBLISHING_PER_JOB = 4;

/**
 * Gives tasks room on the machine and the right to be the only one at their fingerprint, and runs attempts
 * at them. The room is free again when the process has ended: its outputs are published beside the next.
 */
export class Attempts {
  readonly #options: RunOptions;
  readonly #hooks: AttemptsHooks;
  readonly #room: Room;
  readonly #limits: SharedLimits;
  readonly #flights: SingleFlight;
  readonly #turns: CheckpointTurns;
  /** What this run executes itself: two of its steps may be the same task. */
  readonly #own = new Set<Fingerprint>();
  readonly #ownTurns = new Map<Fingerprint, Disposable>();
  #publishing = 0;

  constructor(options: RunOptions, hooks: AttemptsHooks) {
    const { machine, flags, store, me, id, isAlive } = options;
    this.#options = options;
    this.#hooks = hooks;
    this.#room = new Room(machine, () => flags.jobs);
    this.#limits = new SharedLimits(options, { emit: hooks.emit, onGrant: hooks.onRoom });
    this.#flights = new SingleFlight(store.index, me, id, isAlive);
    this.#turns = new CheckpointTurns(this.#flights);
  }

  get isFull(): boolean {
    return this.#room.isFull;
  }

  /** @throws RecipeError GPUS_LACKING if the step would not have room even alone */
  requireRoom(step: PlanStep): void {
    requireGpus(step, this.#options.machine);
  }

  /** Takes room, limits and flight for the task, which `execute` gives back; or says what it has to wait for. */
  enter(step: PlanStep, { fingerprint }: PreparedTask): Holder | undefined {
    const blocked =
      this.#room.blockedBy(step) ??
      // Limits are not asked for while another process has the task.
      this.#flownBy(step, fingerprint, () => this.#flights.holderOf(fingerprint)) ??
      this.#limits.blockedBy(step, fingerprint) ??
      this.#flownBy(step, fingerprint, () => this.#flights.take(fingerprint)) ??
      this.#checkpointUsedBy(step, fingerprint);
    if (blocked !== undefined) return blocked;
    if (mustFlyAlone(step)) this.#own.add(fingerprint);
    this.#limits.enter(step);
    this.#room.enter(step);
    return undefined;
  }

  /** Once all that can be has entered: nobody else is to wait for limits that none of these uses. */
  settle(isOver: boolean): void {
    this.#limits.settle(isOver);
  }

  /** For a task that turns out to need no attempt. */
  leave(step: PlanStep, { fingerprint }: PreparedTask): void {
    this.#makeRoom(step, false);
    this.#land(step, fingerprint);
  }

  /** @throws BlobDamaged if the store has lost an input */
  async execute(
    step: PlanStep,
    { fingerprint, document, inputs, code }: PreparedTask,
    { attempt, replace, fresh }: Pick<Task, 'attempt' | 'replace' | 'fresh'>,
    started: TaskHooks['started'],
    signal: AbortSignal,
  ): Promise<AttemptOutcome> {
    const { executor, flags, machine } = this.#options;
    const cpus = Math.min(step.resources.cpus ?? Infinity, machine.cpus);
    let [hasRoom, hasExited] = [true, false];
    try {
      this.#limits.require(step);
      return await executor.execute(
        {
          step,
          fingerprint,
          document,
          inputs,
          code,
          attempt,
          threads: Math.max(1, Math.floor(cpus)),
          gpus: this.#room.gpusOf(step),
          replace,
          fresh,
          allowChangingInputs: flags.allowChangingInputs,
        },
        {
          started,
          waiting: (holder) =>
            this.#hooks.emit({ type: 'step.waiting', step: step.id, reason: 'queue', holder }),
          output: (stream, text) => this.#hooks.emit({ type: 'step.output', step: step.id, stream, text }),
          report: (entry) => this.#hooks.emit({ type: 'step.report', step: step.id, entry }),
          exited: () => {
            hasExited = true;
            this.#publishing += 1;
            if (this.#publishing > flags.jobs * PUBLISHING_PER_JOB) return;
            this.#makeRoom(step, false);
            hasRoom = false;
            this.#hooks.onRoom();
          },
        },
        signal,
      );
    } finally {
      if (hasExited) this.#publishing -= 1;
      if (hasRoom) this.#makeRoom(step, signal.reason instanceof RunLeft && machine.isElsewhere(step));
      this.#land(step, fingerprint);
    }
  }

  #flownBy(
    step: PlanStep,
    fingerprint: Fingerprint,
    ask: () => ReturnType<SingleFlight['take']>,
  ): Holder | undefined {
    if (!mustFlyAlone(step)) return undefined;
    if (this.#own.has(fingerprint)) return { reason: 'single-flight', holder: 'another step of this run' };
    const other = ask();
    if (other === undefined) return undefined;
    return { reason: 'single-flight', holder: `run ${other.run} (pid ${other.holder.pid})` };
  }

  /** The last that is asked, as it gives the flight back. */
  #checkpointUsedBy(step: PlanStep, fingerprint: Fingerprint): Holder | undefined {
    if (step.checkpoint === undefined || this.#options.machine.isElsewhere(step)) return undefined;
    const turn = this.#turns.take(fingerprint);
    if (typeof turn !== 'string') this.#ownTurns.set(fingerprint, turn);
    else {
      this.#flights.release(fingerprint);
      return { reason: 'single-flight', holder: turn };
    }
    return undefined;
  }

  /** @param isAdopted whether what runs elsewhere goes on, for another driver to see to its end */
  #makeRoom(step: PlanStep, isAdopted: boolean): void {
    this.#room.leave(step);
    this.#limits.leave(step, isAdopted);
  }

  #land(step: PlanStep, fingerprint: Fingerprint): void {
    if (!mustFlyAlone(step)) return;
    this.#own.delete(fingerprint);
    this.#ownTurns.get(fingerprint)?.[Symbol.dispose]();
    this.#ownTurns.delete(fingerprint);
    this.#flights.release(fingerprint);
  }
}

/** What is never cached may run twice at once, unless both would write to one checkpoint. */
function mustFlyAlone({ cache, checkpoint }: PlanStep): boolean {
  return cache !== 'never' || checkpoint !== undefined;
}

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FitMemory, Job } from './fit-memory.ts';
import { JOB_NAMES, JOBS, type JobName } from './jobs.ts';

/** What threads tell each other through. */
export interface CrewControl {
  /** Numbers of `SLOT`. */
  readonly state: Int32Array;
  /** Arguments of the job that is under way. */
  readonly args: Float64Array;
}

export const SLOT = { ticket: 0, job: 1, blocks: 2, done: 3, helped: 4, length: 5 } as const;

/** A ticket is the number of the job, and in its low bits the block that nobody has taken yet. */
const BLOCK_BITS = 12;
const BLOCK_MASK = (1 << BLOCK_BITS) - 1;
/** Added to the blocks done when a thread failed. */
const FAILED = 1 << 20;
/** Looks at memory before a thread goes to sleep: some ten microseconds, as long as waking it takes. */
const SPINS = 2000;

/**
 * Threads that work through the blocks of one job at a time. Whoever is free takes the next block, the caller
 * too, so a thread that starts late or is held up delays nobody. Which thread does a block makes no
 * difference to what comes out.
 */
export class Crew implements AsyncDisposable {
  readonly #control: CrewControl;
  readonly #workers: readonly Worker[];
  #memory: FitMemory | undefined;
  #job = 0;

  private constructor(control: CrewControl, workers: readonly Worker[]) {
    this.#control = control;
    this.#workers = workers;
  }

  /** Starts all threads but the caller's, and does not wait for them. */
  static start(threads: number): Crew {
    const control: CrewControl = {
      state: new Int32Array(new SharedArrayBuffer(4 * SLOT.length)),
      args: new Float64Array(new SharedArrayBuffer(8 * 16)),
    };
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const url = new URL(`./crew-thread.${extension}`, import.meta.url);
    // Options of this process may be for its main module, which a thread has not.
    const options = { workerData: control, execArgv: [] };
    const workers = Array.from({ length: threads - 1 }, () => new Worker(url, options));
    return new Crew(control, workers);
  }

  /** Gives the threads what they compute on. They work from then on. */
  share(memory: FitMemory): void {
    this.#memory = memory;
    for (const worker of this.#workers) worker.postMessage(memory, []);
  }

  /** Blocks that other threads than the caller's have done. */
  get helped(): number {
    return Atomics.load(this.#control.state, SLOT.helped);
  }

  /** Does all blocks of a job, and comes back when they are done. */
  run(job: JobName, blocks: number, ...args: readonly number[]): void {
    if (this.#memory === undefined) throw new Error('Internal error: a crew works on nothing');
    if (blocks > BLOCK_MASK) throw new RangeError(`${blocks} blocks in one job`);
    const { state, args: given } = this.#control;
    given.set(args);
    if (blocks === 1 || this.#workers.length === 0) {
      const work: Job = JOBS[job];
      for (let block = 0; block < blocks; block += 1) work(this.#memory, block, given);
      return;
    }
    this.#job += 1;
    // Nobody can take a block while the ticket is all used up: what describes the job changes unseen.
    Atomics.store(state, SLOT.ticket, (this.#job << BLOCK_BITS) | BLOCK_MASK);
    Atomics.store(state, SLOT.job, JOB_NAMES.indexOf(job));
    Atomics.store(state, SLOT.blocks, blocks);
    Atomics.store(state, SLOT.done, 0);
    Atomics.store(state, SLOT.ticket, this.#job << BLOCK_BITS);
    Atomics.notify(state, SLOT.ticket);
    takeBlocks(this.#control, this.#memory, false);
    waitWhile(state, SLOT.done, (done) => done < blocks);
    if (Atomics.load(state, SLOT.done) >= FAILED)
      throw new Error(`Internal error: a thread failed in ${job}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => stop(worker)));
  }
}

async function stop(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return;
  const exited = once(worker, 'exit');
  await worker.terminate();
  await exited;
}

/** Waits for jobs and works on them, for ever: the thread is ended from outside. */
export function serve(control: CrewControl, memory: FitMemory): never {
  let seen = 0;
  for (;;) {
    try {
      seen = takeBlocks(control, memory, true);
    } catch (error) {
      Atomics.add(control.state, SLOT.done, FAILED);
      Atomics.notify(control.state, SLOT.done);
      throw error;
    }
    waitWhile(control.state, SLOT.ticket, (ticket) => ticket === seen);
  }
}

/**
 * Works on blocks until none is left; gives the ticket then. A job's number and arguments are written before
 * its ticket and stay until its last block is done. So if a block can be taken with the ticket that was seen
 * before they were read, they belong to it. (A ticket comes again after a million jobs.)
 */
function takeBlocks({ state, args }: CrewControl, memory: FitMemory, isHelper: boolean): number {
  for (;;) {
    const ticket = Atomics.load(state, SLOT.ticket);
    const block = ticket & BLOCK_MASK;
    const blocks = Atomics.load(state, SLOT.blocks);
    if (block >= blocks) return ticket;
    const work = JOBS[JOB_NAMES[Atomics.load(state, SLOT.job)] as JobName];
    if (Atomics.compareExchange(state, SLOT.ticket, ticket, ticket + 1) !== ticket) continue;
    work(memory, block, args);
    if (isHelper) Atomics.add(state, SLOT.helped, 1);
    if (Atomics.add(state, SLOT.done, 1) + 1 === blocks) Atomics.notify(state, SLOT.done);
  }
}

function waitWhile(state: Int32Array, slot: number, isSame: (value: number) => boolean): void {
  for (let spin = 0; spin < SPINS; spin += 1) if (!isSame(Atomics.load(state, slot))) return;
  for (let value = Atomics.load(state, slot); isSame(value); value = Atomics.load(state, slot))
    Atomics.wait(state, slot, value);
}

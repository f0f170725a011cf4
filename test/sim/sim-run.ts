import type { Digest } from '../../src/core/ids.ts';
import { adoptForRun } from '../../src/engine/lookup.ts';
import { storedInputs } from '../../src/engine/materialise.ts';
import type { AttemptOutcome, TaskHooks } from '../../src/engine/ports.ts';
import { FleetExecutor } from '../../src/executors/fleet/fleet-executor.ts';
import { parcelText } from '../../src/executors/fleet/parcel.ts';
import { BlobDamaged } from '../../src/store/blobs.ts';
import type { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import type { FlightCheck } from './flight-check.ts';
import type { FlightStory } from './flight-story.ts';
import { type Chain, type StepPlan, taskOf } from './flight-tasks.ts';
import type { SimDisk } from './sim-disk.ts';
import { simLink } from './sim-link.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRedis } from './sim-redis.ts';
import type { SimShared } from './sim-shared.ts';
import { simCache } from './sim-worker.ts';

export interface RunPlace {
  readonly process: SimProcess;
  readonly disk: SimDisk;
  readonly redis: SimRedis;
  readonly shared: SimShared;
  readonly check: FlightCheck;
  readonly story: FlightStory;
  readonly run: string;
  /** Whatever is there, all is made anew. */
  readonly isForced: boolean;
  /** Aborts when the run is cancelled, or left to another driver. */
  readonly signal: AbortSignal;
}

const HOOKS: TaskHooks = {
  waiting: () => {},
  started: () => {},
  output: () => {},
  report: () => {},
  exited: () => {},
};

/** What an engine does of a run, as far as a fleet sees it: chains of steps, of which what is lost is made again once. */
export class SimRun {
  readonly #place: RunPlace;
  readonly #cache: RemoteCache;
  readonly #executor: FleetExecutor;

  constructor(place: RunPlace) {
    const { process, disk, redis, run } = place;
    this.#place = place;
    this.#cache = simCache(process, disk, place.shared);
    this.#executor = new FleetExecutor({
      link: simLink(process, redis),
      store: disk,
      shared: this.#cache,
      run,
      pack: async ({ step, fingerprint, document, inputs, replace, fresh }) => ({
        text: parcelText({
          stockpot: '',
          run,
          step,
          fingerprint,
          document,
          inputs,
          code: [],
          replace,
          fresh,
        }),
        blobs: [],
        stored: storedInputs(inputs),
      }),
      world: { clock: process.clock, env: {}, newRunId: () => '' },
      endedNonces: new Set(),
      priority: 'normal',
      timeoutOf: () => undefined,
      local: {
        execute: async () => {
          throw new Error('nothing of a course is run here');
        },
        [Symbol.asyncDispose]: async () => {},
      },
    });
  }

  /** Resolves when all chains have ended, or the run is stopped. */
  async drive(chains: readonly Chain[]): Promise<void> {
    await Promise.all(chains.map(async (chain) => this.#driveChain(chain)));
  }

  async #driveChain(chain: Chain): Promise<void> {
    const outputs: (Digest | undefined)[] = [];
    for (let n = 0; n < chain.length; n += 1) {
      const output = await this.#step(chain, n, outputs, false);
      if (output === undefined) return;
      outputs[n] = output;
    }
  }

  /** What a step gave; undefined if it did not end well. */
  async #step(
    chain: Chain,
    n: number,
    outputs: (Digest | undefined)[],
    isRewound: boolean,
  ): Promise<Digest | undefined> {
    const plan = chain[n] as StepPlan;
    for (let isFirst = true; ; isFirst = false)
      try {
        return await this.#executed(plan, outputs[n - 1], isRewound);
      } catch (error) {
        if (!(error instanceof BlobDamaged)) throw error;
        const { check, run, story } = this.#place;
        if (!isFirst) {
          const maker = chain[n - 1]?.name ?? '';
          if (story.injuriesOf(maker) < 2)
            check.violations.push(`F5 ${plan.name} of ${run} misses what ${maker} gave anew`);
          return undefined;
        }
        this.#note(`${plan.name} misses what was before it`);
        outputs[n - 1] = await this.#step(chain, n - 1, outputs, true);
        if (outputs[n - 1] === undefined) return undefined;
      }
  }

  /** @throws BlobDamaged if its input is lost */
  async #executed(
    plan: StepPlan,
    input: Digest | undefined,
    isRewound: boolean,
  ): Promise<Digest | undefined> {
    const { check, disk, process, run, signal } = this.#place;
    const replace = isRewound || this.#place.isForced;
    const task = taskOf(plan, input, replace);
    const at = process.timeline.now;
    const there = replace ? undefined : await this.#cache.find(task.fingerprint);
    if (there !== undefined && (await adoptForRun(task.step, there, this.#cache, disk))) {
      this.#note(`${plan.name} cached`);
      return there.outputs['out']?.digest;
    }
    const outcome: AttemptOutcome = await this.#executor.execute(task, HOOKS, signal);
    const isStopped = !outcome.ok && outcome.failure.reason === 'cancelled' && signal.aborted;
    if (!isStopped) check.ended(run, plan, { ...task, at }, outcome);
    return outcome.ok ? outcome.outputs['out']?.digest : undefined;
  }

  #note(what: string): void {
    const { process, run } = this.#place;
    process.timeline.note(run, what);
  }
}

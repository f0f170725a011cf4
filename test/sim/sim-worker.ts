import { every } from '../../src/core/every.ts';
import type { AttemptOutcome } from '../../src/engine/ports.ts';
import { publishResult } from '../../src/engine/publish-result.ts';
import { Announcements, type RunningKeys } from '../../src/executors/fleet/announcements.ts';
import { RedisAway } from '../../src/executors/fleet/flight-link.ts';
import { Hold } from '../../src/executors/fleet/hold.ts';
import { MessageTaker, PutBack, type Start, type Voice } from '../../src/executors/fleet/message-taker.ts';
import { LOCK_MS, STALLED_MS } from '../../src/executors/fleet/names.ts';
import type { WorkerState } from '../../src/executors/fleet/presence.ts';
import { BlobDamaged } from '../../src/store/blobs.ts';
import { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import type { Result } from '../../src/store/results.ts';
import type { FlightCheck } from './flight-check.ts';
import { QUEUES, type StepPlan } from './flight-tasks.ts';
import type { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRedis, Taken } from './sim-redis.ts';
import type { SimShared } from './sim-shared.ts';

export interface WorkerPlace {
  readonly process: SimProcess;
  readonly disk: SimDisk;
  readonly redis: SimRedis;
  readonly shared: SimShared;
  readonly check: FlightCheck;
  readonly plans: ReadonlyMap<string, StepPlan>;
  /** Steps at once. */
  readonly slots: number;
  /** It has ended by itself. */
  readonly onEnd: () => void;
}

const ANNOUNCE_MS = 5000;
const IDLE_MS = 5000;

/**
 * A worker of a course. What takes messages, says what runs and writes it down is the real thing; what BullMQ does, and
 * `FleetWorker` with it, and what the step does, is not.
 */
export class SimWorker {
  readonly #place: WorkerPlace;
  readonly #hold: Hold;
  readonly #announcements: Announcements;
  readonly #cache: RemoteCache;
  readonly #taker: MessageTaker;
  #isDraining = false;

  constructor(place: WorkerPlace) {
    const { process, disk, shared } = place;
    const { clock, name } = process;
    this.#place = place;
    this.#hold = new Hold(clock, LOCK_MS);
    this.#announcements = new Announcements(this.#runningKeys(), { clock, lockMs: LOCK_MS });
    this.#cache = simCache(process, disk, shared);
    this.#taker = new MessageTaker({
      id: name,
      version: '',
      store: disk,
      shared: this.#cache,
      voiceOf: (nonce) => this.#voiceOf(nonce),
      announcements: this.#announcements,
      world: { clock, env: {}, newRunId: () => '' },
      gpus: { ids: [], areSaid: false },
      lockMs: LOCK_MS,
      onChange: () => {},
      checkpoints: { take: () => 'no step here has a checkpoint' },
      lacks: () => undefined,
      execute: async (start, signal) => this.#execute(start, signal),
    });
  }

  get isIdle(): boolean {
    return this.#taker.underWay.size === 0;
  }

  start(): void {
    const { process, redis, slots } = this.#place;
    this.#hold.begin(redis.upMs);
    redis.join({
      process,
      onReady: () => {
        this.#announcements.renew();
        this.#hold.begin(0);
      },
      onCancelled: (nonce) => {
        for (const one of this.#taker.underWay) if (one.flight.nonce === nonce) one.stop('cancelled');
      },
    });
    const announce = async (): Promise<void> => this.#ask(() => redis.register(this.#state)).catch(() => {});
    void announce();
    every(process.clock, ANNOUNCE_MS, announce);
    every(process.clock, STALLED_MS, async () => this.#ask(() => redis.moveStalled()).catch(() => {}));
    const serving = Array.from({ length: slots }, async () => this.#serve());
    process.signal.addEventListener('abort', () => void this.#drain(serving));
  }

  get #state(): WorkerState {
    const { process, slots } = this.#place;
    return {
      id: process.name,
      host: '',
      pid: 1,
      stockpot: '',
      platform: '',
      queues: QUEUES,
      concurrency: slots,
      cpus: 1,
      memoryBytes: 1,
      gpus: 0,
      secrets: [],
      startedAt: 0,
      isDraining: this.#isDraining,
      running: [],
    };
  }

  /** It takes nothing more; what runs is ended after a while. */
  async #drain(serving: readonly Promise<void>[]): Promise<void> {
    const { onEnd, process } = this.#place;
    this.#isDraining = true;
    process.after(process.timeline.random.below(10_000), () => {
      for (const one of this.#taker.underWay) one.stop('preempted');
    });
    await Promise.all(serving);
    process.end();
    onEnd();
  }

  async #serve(): Promise<void> {
    const { process, redis } = this.#place;
    while (!this.#isDraining) {
      const work = redis.whenWork(process);
      // Redis is away: it is asked again in a moment.
      const taken = await this.#ask(() => redis.take(QUEUES)).catch(() => undefined);
      if (taken !== undefined) await this.#process(taken);
      else if (!this.#isDraining) await Promise.race([work, process.clock.sleep(IDLE_MS)]);
    }
  }

  async #process(taken: Taken): Promise<void> {
    const { check, process, redis } = this.#place;
    const renew = async (): Promise<void> => this.#ask(() => redis.renew(taken)).catch(() => {});
    using _renewing = every(process.clock, LOCK_MS / 2, renew);
    try {
      await this.#hold.over();
      check.takes(process, taken.data.fingerprint);
      await this.#taker.take(taken.data, new AbortController().signal);
      await this.#ask(() => redis.forget(taken)).catch(() => {});
    } catch (error) {
      const isPutBack = error instanceof PutBack;
      if (!isPutBack && !(error instanceof RedisAway)) throw error;
      const give = isPutBack ? () => redis.putBack(taken, error.afterMs) : () => redis.forget(taken);
      await this.#ask(give).catch(() => {});
    }
  }

  /** What an attempt does, as far as anybody else sees it. */
  async #execute(start: Start, signal: AbortSignal): Promise<AttemptOutcome | BlobDamaged> {
    const { check, disk, plans, process } = this.#place;
    const { fingerprint, parcel, live } = start;
    const { step, replace, inputs } = parcel;
    const plan = plans.get(step.id);
    if (plan === undefined) throw new Error(`nobody planned ${step.id}`);
    const lost = inputs.find(({ digest }) => disk.blobs.size(digest) === undefined);
    if (lost !== undefined) return new BlobDamaged(lost.digest, 'missing');
    check.begins(process, start);
    const failed = (failure: (AttemptOutcome & { ok: false })['failure']): AttemptOutcome => ({
      ok: false,
      failure,
      logTail: '',
      durationMs: plan.ms,
    });
    await process.clock.sleep(plan.ms, signal).catch(() => {});
    if (signal.aborted) return failed({ reason: 'cancelled' });
    if (plan.ends === 'kills') {
      process.die();
      this.#place.onEnd();
      // Whatever follows is done by nobody.
      await process.clock.sleep(0);
    }
    live.push({ type: 'exited' });
    if (plan.ends === 'badly') return failed({ reason: 'exited', exitCode: 1 });
    const tries = plan.varies ? ` ${process.timeline.random.next()}` : '';
    const out = disk.blobs.putBytes(`what ${step.id} gave${tries}`);
    const report = disk.blobs.putBytes(JSON.stringify({ type: 'metric', key: step.id, value: 1 }));
    const result: Result = {
      v: 1,
      fingerprint,
      outputs: { out: { ...out, kind: 'file' } },
      ...(plan.reports ? { report } : {}),
      producer: {
        run: parcel.run,
        step: step.id,
        at: process.clock.now(),
        durationMs: plan.ms,
        stockpot: '',
      },
    };
    const shelves = { store: disk, shared: this.#cache, sharesAll: true };
    const winner = await publishResult(result, { step, replace }, shelves);
    return { ok: true, outputs: winner.outputs, durationMs: plan.ms, published: true, report: [] };
  }

  #voiceOf(nonce: string): Voice {
    const { process, redis } = this.#place;
    let sending = Promise.resolve();
    return {
      push: (entry) => {
        sending = sending.then(async () => this.#ask(() => redis.push(nonce, [entry])).catch(() => {}));
      },
      // Without a connection nothing is waited for.
      flush: async () => (redis.isConnected(process) ? sending : undefined),
    };
  }

  #runningKeys(): RunningKeys {
    const { process, redis } = this.#place;
    return {
      claim: async (job) => this.#ask(() => redis.claim(job, process.name)),
      release: async (job) => this.#ask(() => redis.release(job, process.name)).catch(() => {}),
      renew: (jobs) => {
        const all = [...jobs];
        const say = (): void => all.forEach((job) => redis.say(job, process.name));
        void this.#ask(say).catch(() => {});
      },
    };
  }

  async #ask<T>(work: () => T): Promise<T> {
    const { process, redis } = this.#place;
    return redis.ask(process, work);
  }
}

/** How long a fleet's process leaves a store alone that was away. */
const RETRY_MS = 2000;

/** The shared cache as one process of a fleet uses it. */
export function simCache(process: SimProcess, disk: SimDisk, shared: SimShared): RemoteCache {
  return new RemoteCache(shared.of(process), disk, {
    accepted: 'any',
    signer: undefined,
    readOnly: false,
    now: () => process.clock.now(),
    retryAfterMs: RETRY_MS,
    onWarning: () => {},
  });
}

import type { Redis } from 'ioredis';
import type { OutputRef } from '../../core/events.ts';
import { every } from '../../core/every.ts';
import { describeFailure, type Failure } from '../../core/failure.ts';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { queueOf } from '../../core/plan-queues.ts';
import type { World } from '../../core/world.ts';
import { attempt, type Workshop } from '../../engine/attempt.ts';
import { Gpus, type HeldGpus, type MachineGpus } from '../../engine/gpus.ts';
import { storedInputs } from '../../engine/materialise.ts';
import type { AttemptOutcome, Task, TaskHooks } from '../../engine/ports.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import { mendResult } from '../../store/remote/mend-result.ts';
import { type Flight, isRemoteProblem, RemoteUnreachable } from '../../store/remote/remote.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { Announcements } from './announcements.ts';
import {
  type FlightEnd,
  MOST_STARTS,
  readFlight,
  recordEnd,
  recordStart,
  recordUncounted,
} from './flight-records.ts';
import { LiveWriter } from './live.ts';
import { jobId, type Keys, type TaskMessage } from './names.ts';
import { type Parcel, readParcel } from './parcel.ts';
import { SavedCheckpoint } from './saved-checkpoints.ts';
import { unpackProject } from './unpack-project.ts';

/** A message cannot be worked on now: it goes back into its queue, for so long. */
export class PutBack extends Error {
  readonly afterMs: number;

  constructor(afterMs: number) {
    super('put back');
    this.afterMs = afterMs;
  }
}

export interface TakerOptions {
  readonly id: string;
  /** For attempts of whatever project. */
  readonly shop: Omit<Workshop, 'projectDir' | 'run' | 'owner' | 'shared' | 'sharesAll'>;
  readonly shared: RemoteCache;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly announcements: Announcements;
  readonly world: World;
  readonly threads: number;
  readonly gpus: MachineGpus;
  readonly lockMs: number;
  readonly onChange: (line: TaskLine) => void;
  /** What this worker lacks for a task, in words; undefined if nothing. */
  readonly lacks: (parcel: Parcel) => string | undefined;
  /** The folder whose `node_modules` has the packages of the parcel; undefined if it names none. */
  readonly environment: (parcel: Parcel) => Promise<string | undefined>;
}

export interface TaskLine {
  readonly type: 'began' | 'ended';
  readonly step: string;
  readonly run: string;
  /** How it ended, for people, and in one word: `succeeded`, the reason of a failure, or `unknown`. */
  readonly outcome?: string;
  readonly reason?: string;
}

/** What a worker runs, for who asks and for who ends it. */
export interface UnderWay {
  readonly step: string;
  readonly run: string;
  readonly queue: string;
  readonly since: number;
  readonly flight: Flight;
  readonly stop: (because: 'cancelled' | 'done elsewhere' | 'preempted') => void;
}

/** What a worker needs to begin a task. */
interface Beginning {
  readonly message: TaskMessage;
  readonly parcel: Parcel;
  readonly gpus: HeldGpus;
  readonly live: LiveWriter;
  readonly signal: AbortSignal;
  readonly stopped: AbortController;
}

const AWAY_MS = 5000;
const LACKS_MS = 2000;
/** So often a running flight is looked at in the store: whether somebody still waits for it. */
const POLL_MS = 10_000;

/** Works on one message at a time of those that a worker is given, as often as it is called at once. */
export class MessageTaker {
  readonly #options: TakerOptions;
  readonly #gpus: Gpus;
  readonly underWay = new Set<UnderWay>();

  constructor(options: TakerOptions) {
    this.#options = options;
    this.#gpus = new Gpus(options.gpus);
  }

  /**
   * Resolves when the message may be forgotten: the store has the result, or how it failed, or nobody waits.
   *
   * @throws PutBack
   */
  async take(message: TaskMessage, signal: AbortSignal): Promise<void> {
    const { redis, keys, announcements } = this.#options;
    const live = new LiveWriter(redis, keys.live(message.nonce), this.#options.world.clock);
    let released: Promise<void> | undefined;
    try {
      const parcel = await this.#parcelOf(message, live);
      const job = jobId(message, parcel.replace);
      const there = parcel.replace ? 'absent' : await this.#lookFor(message.fingerprint);
      if (there === 'whole') return live.push({ type: 'ended', worker: this.#options.id });
      const lacking = this.#options.lacks(parcel);
      if (lacking !== undefined) {
        live.push({ type: 'waiting', holder: lacking });
        throw new PutBack(LACKS_MS);
      }
      if (!this.#gpus.areFree(parcel.step)) {
        live.push({ type: 'waiting', holder: `GPUs of ${this.#options.id}, which other steps have` });
        throw new PutBack(LACKS_MS);
      }
      using gpus = this.#gpus.take(parcel.step);
      // It was given twice: whoever says that it runs it does so.
      if (!(await announcements.take(job))) throw new PutBack(this.#options.lockMs);
      try {
        // What is there would win over what is made again, but for this.
        await this.#run(
          message,
          there === 'broken' ? { ...parcel, replace: true } : parcel,
          gpus,
          live,
          signal,
        );
      } finally {
        released = announcements.release(job);
      }
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
      live.push({ type: 'waiting', holder: error.message });
      throw new PutBack(AWAY_MS);
    } finally {
      await Promise.all([released, live.flush()]);
    }
  }

  async #parcelOf({ fingerprint, parcel }: TaskMessage, live: LiveWriter): Promise<Parcel> {
    const { shop } = this.#options;
    const text = 'text' in parcel ? parcel.text : await this.#textOf(parcel.blob, live);
    const read = readParcel(text, fingerprint);
    if (read !== undefined) return read;
    live.push({ type: 'waiting', holder: `a worker of another version than ${shop.version}` });
    throw new PutBack(LACKS_MS);
  }

  async #textOf(blob: Digest, live: LiveWriter): Promise<string> {
    const { shared, shop } = this.#options;
    await shared.need([{ digest: blob, kind: 'file' }]);
    if (shop.store.blobs.size(blob) !== undefined) return shop.store.blobs.read(blob).toString('utf8');
    live.push({ type: 'lost', parcel: blob });
    live.push({ type: 'waiting', holder: `the task itself, which ${shared.remote.name} does not have` });
    throw new PutBack(AWAY_MS);
  }

  /**
   * Whether there is nothing left to do. What this machine has alone is put where others see it: somebody asks,
   * who could not use what is there.
   */
  async #lookFor(fingerprint: Fingerprint): Promise<'absent' | 'broken' | 'whole'> {
    const { shared, shop } = this.#options;
    const here = shop.store.results.find(fingerprint);
    if (here !== undefined) await shared.publish(here, { replace: false });
    const there = await shared.find(fingerprint, true);
    if (there === undefined) {
      shared.requireReachable();
      return 'absent';
    }
    return (await mendResult(shared.remote, there, shop.store.blobs)) ? 'whole' : 'broken';
  }

  async #run(
    message: TaskMessage,
    parcel: Parcel,
    gpus: HeldGpus,
    live: LiveWriter,
    signal: AbortSignal,
  ): Promise<void> {
    const { id, shared, world } = this.#options;
    const { remote } = shared;
    const flight: Flight = { fingerprint: message.fingerprint, nonce: message.nonce };
    const before = await readFlight(remote, flight);
    if (before.isCancelled) return;
    if (before.end === undefined && before.lost >= MOST_STARTS)
      await recordEnd(remote, flight, before.starts, failedBy({ reason: 'poison', starts: before.lost }));
    else if (before.end === undefined) {
      const stopped = new AbortController();
      const state: UnderWay = {
        step: parcel.step.id,
        run: parcel.run,
        queue: queueOf(parcel.step),
        since: world.clock.now(),
        flight,
        stop: (because) => stopped.abort(because),
      };
      this.underWay.add(state);
      try {
        await using _watch = this.#watch(state, parcel);
        // Before it counts as begun: that the shared cache is away is no fault of the task's.
        await shared.need([...parcelFiles(parcel), ...storedInputs(parcel.inputs)]);
        if (!stopped.signal.aborted)
          return await this.#begin(state, before.starts, { message, parcel, gpus, live, signal, stopped });
      } finally {
        this.underWay.delete(state);
      }
    }
    live.push({ type: 'ended', worker: id });
  }

  async #begin(
    { flight, step, run }: UnderWay,
    starts: number,
    { message, parcel, gpus, live, signal, stopped }: Beginning,
  ): Promise<void> {
    const { id, shared, onChange } = this.#options;
    const nth = await recordStart(shared.remote, flight, id, starts);
    live.push({ type: 'started', worker: id, nth });
    onChange({ type: 'began', step, run });
    let outcome: AttemptOutcome | BlobDamaged | undefined;
    try {
      const ends = AbortSignal.any([signal, stopped.signal]);
      outcome = await this.#attempt(parcel, message, gpus, live, nth, ends);
      await this.#settle(flight, nth, outcome, stopped.signal, parcel, live);
    } catch (error) {
      if (isRemoteProblem(error)) await this.#takeBack(flight, nth);
      throw error;
    } finally {
      onChange({ type: 'ended', step, run, ...wordsFor(outcome) });
    }
  }

  /** The shared cache failed before the step began: it counts as no start, if that can be written down. */
  async #takeBack(flight: Flight, nth: number): Promise<void> {
    try {
      await recordUncounted(this.#options.shared.remote, flight, nth);
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
    }
  }

  async #attempt(
    parcel: Parcel,
    message: TaskMessage,
    gpus: HeldGpus,
    live: LiveWriter,
    nth: number,
    signal: AbortSignal,
  ): Promise<AttemptOutcome | BlobDamaged> {
    const { id, shared, shop, threads } = this.#options;
    const { store, home } = shop;
    const saved =
      parcel.step.checkpoint === undefined
        ? undefined
        : new SavedCheckpoint(message.fingerprint, { store, shared, home });
    const task: Task = {
      step: parcel.step,
      fingerprint: message.fingerprint,
      document: parcel.document,
      inputs: parcel.inputs,
      code: parcel.code,
      attempt: 1,
      threads: Math.max(1, Math.floor(Math.min(parcel.step.resources.cpus ?? threads, threads))),
      gpus: gpus.visible,
      replace: parcel.replace,
      allowChangingInputs: false,
      fresh: parcel.fresh && nth === 1,
    };
    const hooks: TaskHooks = {
      waiting: (holder) => live.push({ type: 'waiting', holder }),
      started: () => {},
      output: (stream, text) => live.push({ type: 'output', stream, text }),
      report: (entry) => live.push({ type: 'report', entry }),
      exited: () => {
        gpus[Symbol.dispose]();
        live.push({ type: 'exited' });
      },
    };
    try {
      const environment = await this.#options.environment(parcel);
      using project = await unpackProject(parcel, { store, home, owner: id, environment });
      await saved?.restore(task.fresh);
      using _saving = this.#saving(saved, parcel, live);
      const outcome = await attempt(task, hooks, signal, {
        ...shop,
        shared,
        sharesAll: true,
        projectDir: project.dir,
        run: parcel.run,
        owner: id,
      });
      if (outcome.ok) await saved?.forget();
      else if (saved !== undefined) await this.#save(saved, live);
      return outcome;
    } catch (error) {
      if (error instanceof BlobDamaged) return error;
      if (isRemoteProblem(error)) throw error;
      return failedBy({ reason: 'infra', detail: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Puts the checkpoint where another worker finds it, now and then. */
  #saving(saved: SavedCheckpoint | undefined, { step }: Parcel, live: LiveWriter): Disposable | undefined {
    if (saved === undefined || step.checkpoint === undefined) return undefined;
    return every(this.#options.world.clock, step.checkpoint.everyMs, () => this.#save(saved, live));
  }

  /** Whether or not it could be saved, the step goes on, or ends as it did. */
  async #save(saved: SavedCheckpoint, live: LiveWriter): Promise<void> {
    try {
      await saved.save();
    } catch (error) {
      const message = `the checkpoint could not be saved: ${error instanceof Error ? error.message : String(error)}`;
      live.push({ type: 'report', entry: { type: 'warning', message } });
    }
  }

  async #settle(
    flight: Flight,
    nth: number,
    outcome: AttemptOutcome | BlobDamaged,
    stopped: AbortSignal,
    parcel: Parcel,
    live: LiveWriter,
  ): Promise<void> {
    const { id, shared } = this.#options;
    const { remote } = shared;
    const ended = { type: 'ended', worker: id } as const;
    if (outcome instanceof BlobDamaged) {
      const { digest, damage } = outcome;
      await this.#insist(live, () =>
        recordEnd(remote, flight, nth, {
          ...failedBy({ reason: 'infra', detail: outcome.message }),
          damaged: { digest, damage },
        }),
      );
    } else if (outcome.ok) {
      await this.#insist(live, () => this.#published(flight.fingerprint));
      if (parcel.replace) await this.#insist(live, () => recordEnd(remote, flight, nth, { ok: true }));
      // The result says so of most; of what is begun time and again, as its result is lost, no start is a death.
      else if (nth > 1) await this.#insist(live, () => recordUncounted(remote, flight, nth));
      const { nonDeterministic } = outcome;
      live.push(nonDeterministic === undefined ? ended : { ...ended, nonDeterministic });
      return;
    } else if (outcome.failure.reason === 'cancelled') {
      if (stopped.aborted && stopped.reason !== 'cancelled') await recordUncounted(remote, flight, nth);
    } else {
      const { failure, logTail, durationMs } = outcome;
      await this.#insist(live, () =>
        recordEnd(remote, flight, nth, { ok: false, failure, logTail, durationMs }),
      );
    }
    live.push(ended);
  }

  /** The attempt has put its result here, and where machines share one unless that was away just then. */
  async #published(fingerprint: Fingerprint): Promise<void> {
    const { shared, shop } = this.#options;
    if ((await shared.find(fingerprint)) !== undefined) return;
    const here = shop.store.results.find(fingerprint);
    if (here !== undefined) await shared.publish(here, { replace: false });
    if ((await shared.find(fingerprint)) === undefined)
      throw new RemoteUnreachable(shared.problem ?? `${shared.remote.name} did not take the result`);
  }

  /** The work is done: the store is waited for as long as it takes. */
  async #insist(live: LiveWriter, work: () => Promise<void>): Promise<void> {
    for (;;)
      try {
        return await work();
      } catch (error) {
        if (!isRemoteProblem(error)) throw error;
        live.push({ type: 'unsettled', holder: error.message });
        await this.#options.world.clock.sleep(AWAY_MS);
      }
  }

  /** Ends the attempt once nobody needs it. */
  #watch({ flight, stop }: UnderWay, { replace }: Parcel): AsyncDisposable {
    const { shared, world } = this.#options;
    return every(world.clock, POLL_MS, async () => {
      try {
        if ((await readFlight(shared.remote, flight)).isCancelled) stop('cancelled');
        else if (!replace && (await shared.find(flight.fingerprint, true)) !== undefined)
          stop('done elsewhere');
      } catch (error) {
        if (!isRemoteProblem(error)) throw error;
      }
    });
  }
}

/** What a worker needs of a project, beside inputs. */
function parcelFiles({ code, packages }: Parcel): Pick<OutputRef, 'digest' | 'kind'>[] {
  const digests = [...code.map(({ digest }) => digest), packages?.manifest, packages?.lock];
  return digests.flatMap((digest) => (digest === undefined ? [] : [{ digest, kind: 'file' }]));
}

function wordsFor(outcome: AttemptOutcome | BlobDamaged | undefined): { outcome: string; reason: string } {
  if (outcome === undefined) return { outcome: 'was not done', reason: 'unknown' };
  if (outcome instanceof BlobDamaged) return { outcome: outcome.message, reason: 'infra' };
  if (outcome.ok) return { outcome: 'succeeded', reason: 'succeeded' };
  return { outcome: describeFailure(outcome.failure), reason: outcome.failure.reason };
}

function failedBy(failure: Failure): FlightEnd & { ok: false } {
  return { ok: false, failure, logTail: '', durationMs: 0 };
}

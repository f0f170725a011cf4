import type { OutputRef } from '../../core/events.ts';
import { every } from '../../core/every.ts';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { queueOf } from '../../core/plan-queues.ts';
import type { World } from '../../core/world.ts';
import type { CheckpointTurns } from '../../engine/checkpoint-turns.ts';
import { Gpus, type HeldGpus, type MachineGpus } from '../../engine/gpus.ts';
import { storedInputs } from '../../engine/materialise.ts';
import type { AttemptOutcome } from '../../engine/ports.ts';
import { BlobDamaged, type ReadableBlobs } from '../../store/blobs.ts';
import { mendResult } from '../../store/remote/mend-result.ts';
import { type Flight, isRemoteProblem, RemoteUnreachable } from '../../store/remote/remote.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { Result, Results } from '../../store/results.ts';
import type { Announcements } from './announcements.ts';
import { fetchInputs } from './fetch-inputs.ts';
import {
  failedBy,
  isPoison,
  readFlight,
  recordAdvance,
  recordEnd,
  recordGivenBack,
  recordStart,
  recordUncounted,
} from './flight-records.ts';
import type { LiveWriter } from './live.ts';
import { jobId, type TaskMessage } from './names.ts';
import { type Parcel, readParcel } from './parcel.ts';
import { type TaskLine, wordsFor } from './task-line.ts';

/** A message cannot be worked on now: it goes back into its queue, for so long. */
export class PutBack extends Error {
  readonly afterMs: number;

  constructor(afterMs: number) {
    super('put back');
    this.afterMs = afterMs;
  }
}

/** What a flight says while it goes on, for whoever follows it. */
export type Voice = Pick<LiveWriter, 'push' | 'flush'>;

/** One start of a task on a worker, which has all that it needs. */
export interface Start {
  readonly fingerprint: Fingerprint;
  readonly parcel: Parcel;
  /** Which start of the flight it is, from 1 on. */
  readonly nth: number;
  readonly gpus: HeldGpus;
  readonly live: Voice;
  /** To be called when its checkpoint was saved and is further than what it began with. */
  readonly advanced: () => Promise<void>;
}

export interface TakerOptions {
  readonly id: string;
  readonly version: string;
  /** This machine's own. */
  readonly store: { readonly blobs: ReadableBlobs; readonly results: Pick<Results, 'find'> };
  readonly shared: RemoteCache;
  readonly voiceOf: (nonce: string, options: { readonly isPrompt: boolean }) => Voice;
  readonly announcements: Pick<Announcements, 'take' | 'release'>;
  readonly world: World;
  readonly gpus: MachineGpus;
  readonly lockMs: number;
  readonly onChange: (line: TaskLine) => void;
  readonly checkpoints: Pick<CheckpointTurns, 'take'>;
  /** What this worker lacks for a task, in words; undefined if nothing. */
  readonly lacks: (parcel: Parcel) => string | undefined;
  /** Runs the step and publishes what it gave. BlobDamaged: the store has lost an input. */
  readonly execute: (start: Start, signal: AbortSignal) => Promise<AttemptOutcome | BlobDamaged>;
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
  readonly parcel: Parcel;
  readonly gpus: HeldGpus;
  readonly live: Voice;
  readonly signal: AbortSignal;
  readonly stopped: AbortController;
}

const AWAY_MS = 5000;
/**
 * A worker that had nothing to do for so long says at once that it has begun: somebody waits for that. One that goes
 * from task to task says it with what comes next, which costs less.
 */
const RESTED_MS = 10;
const LACKS_MS = 2000;
/** So often a running flight is looked at in the store: whether somebody still waits for it. */
const POLL_MS = 10_000;

/** Works on one message at a time of those that a worker is given, as often as it is called at once. */
export class MessageTaker {
  readonly #options: TakerOptions;
  readonly #gpus: Gpus;
  readonly underWay = new Set<UnderWay>();
  /** When it last was done with a message. On the monotonic clock. */
  #doneAt = 0;

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
    const { announcements, lockMs, voiceOf, world } = this.#options;
    const isRested = this.underWay.size === 0 && world.clock.monotonic() - this.#doneAt > RESTED_MS;
    const live = voiceOf(message.nonce, { isPrompt: isRested });
    let released: Promise<void> | undefined;
    try {
      const parcel = await this.#parcelOf(message, live);
      const job = jobId(message, parcel.replace);
      const turn = this.#obstacleOf(parcel) ?? this.#turnAt(parcel, message.fingerprint);
      using _turn = typeof turn === 'string' ? undefined : turn;
      const obstacle = typeof turn === 'string' ? turn : undefined;
      using gpus = obstacle === undefined ? this.#gpus.take(parcel.step) : undefined;
      // It was given twice: whoever says that it runs it does so.
      const isTaken = obstacle === undefined && (await announcements.take(job));
      try {
        // Looked for only now: who had it a moment ago has put its result there before it let go.
        const there = parcel.replace ? 'absent' : await this.#lookFor(message.fingerprint);
        if (there === 'whole') return live.push({ type: 'ended', worker: this.#options.id });
        if (obstacle !== undefined) live.push({ type: 'waiting', holder: obstacle });
        if (gpus === undefined || !isTaken) throw new PutBack(obstacle === undefined ? lockMs : LACKS_MS);
        // What is there would win over what is made again, but for this.
        const wanted = there === 'broken' ? { ...parcel, replace: true } : parcel;
        await this.#run(message, wanted, gpus, live, signal);
      } finally {
        if (isTaken) released = announcements.release(job);
      }
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
      live.push({ type: 'waiting', holder: error.message });
      throw new PutBack(AWAY_MS);
    } finally {
      await Promise.all([released, live.flush()]);
      this.#doneAt = world.clock.monotonic();
    }
  }

  /** Why this worker cannot take it now, in words. */
  #obstacleOf(parcel: Parcel): string | undefined {
    const lacking = this.#options.lacks(parcel);
    if (lacking !== undefined || this.#gpus.areFree(parcel.step)) return lacking;
    return `GPUs of ${this.#options.id}, which other steps have`;
  }

  #turnAt({ step }: Parcel, fingerprint: Fingerprint): Disposable | string | undefined {
    return step.checkpoint === undefined ? undefined : this.#options.checkpoints.take(fingerprint);
  }

  async #parcelOf({ fingerprint, parcel }: TaskMessage, live: Voice): Promise<Parcel> {
    const text = 'text' in parcel ? parcel.text : await this.#textOf(parcel.blob, live);
    const read = readParcel(text, fingerprint);
    if (read !== undefined) return read;
    live.push({ type: 'waiting', holder: `a worker of another version than ${this.#options.version}` });
    throw new PutBack(LACKS_MS);
  }

  async #textOf(blob: Digest, live: Voice): Promise<string> {
    const { shared, store } = this.#options;
    await shared.need([{ digest: blob, kind: 'file' }]);
    if (store.blobs.size(blob) !== undefined) return store.blobs.read(blob).toString('utf8');
    live.push({ type: 'lost', parcel: blob });
    live.push({ type: 'waiting', holder: `the task itself, which ${shared.remote.name} does not have` });
    throw new PutBack(AWAY_MS);
  }

  /**
   * Whether there is nothing left to do. What this machine has alone is put where others see it: somebody asks,
   * who could not use what is there.
   */
  async #lookFor(fingerprint: Fingerprint): Promise<'absent' | 'broken' | 'whole'> {
    const { shared, store } = this.#options;
    const here = store.results.find(fingerprint);
    if (here !== undefined) await shared.publish(here, { replace: false });
    const there = await shared.find(fingerprint, { isFresh: true });
    if (there === undefined) {
      shared.requireReachable();
      return 'absent';
    }
    return (await mendResult(shared.remote, there, store.blobs)) ? 'whole' : 'broken';
  }

  async #run(
    message: TaskMessage,
    parcel: Parcel,
    gpus: HeldGpus,
    live: Voice,
    signal: AbortSignal,
  ): Promise<void> {
    const { id, shared, world } = this.#options;
    const { remote } = shared;
    const flight: Flight = { fingerprint: message.fingerprint, nonce: message.nonce };
    const before = await readFlight(remote, flight);
    if (before.isCancelled) return;
    if (before.end === undefined && isPoison(before))
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
        await this.#fetch(state, parcel, live, stopped.signal);
        if (!stopped.signal.aborted)
          return await this.#orGivenBack(flight, before.starts, live, () =>
            this.#begin(state, before.starts, { parcel, gpus, live, signal, stopped }),
          );
      } finally {
        this.underWay.delete(state);
      }
    }
    live.push({ type: 'ended', worker: id });
  }

  /** Ends at once when nobody waits for it any more. */
  async #fetch({ step, run }: UnderWay, parcel: Parcel, live: Voice, stopped: AbortSignal): Promise<void> {
    const { onChange, shared, world } = this.#options;
    try {
      await fetchInputs([...parcelFiles(parcel), ...storedInputs(parcel.inputs)], {
        shared,
        clock: world.clock,
        live,
        onLine: (line) => onChange({ ...line, step, run }),
        signal: stopped,
      });
    } catch (error) {
      if (!stopped.aborted) throw error;
    }
  }

  /** Who counts starts that nobody ended must not take a worker for dead that the shared cache failed. */
  async #orGivenBack(flight: Flight, before: number, live: Voice, begin: () => Promise<void>): Promise<void> {
    const { id, shared } = this.#options;
    try {
      await begin();
    } catch (error) {
      if (isRemoteProblem(error))
        await this.#insist(live, () => recordGivenBack(shared.remote, flight, id, before));
      throw error;
    }
  }

  async #begin(
    { flight, step, run }: UnderWay,
    starts: number,
    { parcel, gpus, live, signal, stopped }: Beginning,
  ): Promise<void> {
    const { execute, id, shared, onChange } = this.#options;
    const nth = await recordStart(shared.remote, flight, id, starts);
    live.push({ type: 'started', worker: id, nth });
    onChange({ type: 'began', step, run });
    let outcome: AttemptOutcome | BlobDamaged | undefined;
    try {
      const ends = AbortSignal.any([signal, stopped.signal]);
      const advanced = async (): Promise<void> => recordAdvance(shared.remote, flight, nth);
      outcome = await execute({ fingerprint: flight.fingerprint, parcel, nth, gpus, live, advanced }, ends);
      await this.#settle(flight, nth, outcome, stopped.signal, parcel, live);
    } finally {
      onChange({ type: 'ended', step, run, ...wordsFor(outcome) });
    }
  }

  async #settle(
    flight: Flight,
    nth: number,
    outcome: AttemptOutcome | BlobDamaged,
    stopped: AbortSignal,
    parcel: Parcel,
    live: Voice,
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
      await this.#insist(live, () => this.#published(flight.fingerprint, parcel));
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

  /**
   * The attempt has put its result here, and where machines share one unless that was away just then. Another's is as
   * good there, unless this one was to take its place.
   */
  async #published(fingerprint: Fingerprint, { replace }: Parcel): Promise<void> {
    const { shared, store } = this.#options;
    const here = store.results.find(fingerprint);
    const isThere = async (): Promise<boolean> => {
      const there = await shared.find(fingerprint, { isFresh: replace });
      return there !== undefined && (!replace || here === undefined || isSameAttempt(there, here));
    };
    if (await isThere()) return;
    if (here !== undefined) await shared.publish(here, { replace });
    if (!(await isThere()))
      throw new RemoteUnreachable(shared.problem ?? `${shared.remote.name} did not take the result`);
  }

  /** The work is done: the store is waited for as long as it takes. */
  async #insist(live: Voice, work: () => Promise<void>): Promise<void> {
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
        else if (!replace && (await shared.find(flight.fingerprint, { isFresh: true })) !== undefined)
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

function isSameAttempt(one: Result, other: Result): boolean {
  const [a, b] = [one, other].map((result) => JSON.stringify({ ...result, signature: undefined }));
  return a === b;
}

import type { Failure } from '../../core/failure.ts';
import type { Digest } from '../../core/ids.ts';
import { adoptForRun } from '../../engine/lookup.ts';
import type { AttemptOutcome, Task, TaskHooks } from '../../engine/ports.ts';
import { readReport } from '../../engine/read-report.ts';
import { RunLeft } from '../../engine/run-left.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import { type Flight, isRemoteProblem } from '../../store/remote/remote.ts';
import type { Result } from '../../store/results.ts';
import type { FleetOptions } from './fleet-executor.ts';
import { type MessageState, RedisAway } from './flight-link.ts';
import { type FlightEnd, readFlight, recordCancel } from './flight-records.ts';
import { HeardTask } from './heard-task.ts';
import type { LiveEntry } from './live.ts';
import { jobId, newNonce, type TaskMessage } from './names.ts';
import { queueTimeout } from './queue-timeout.ts';
import type { QueueWait } from './queue-wait.ts';
import { roomIn, SaidWait } from './said-wait.ts';
import { turnOf } from './turn.ts';

/** The store is looked at so often, whatever the queue says or does not say. */
const LOOK_MS = 5000;
const SOON_MS = 100;
const WOKEN = new Error('woken');
/** So often a worker may say that it is done, and the store not have it. */
const MOST_EMPTY_ENDS = 3;

export interface FlightRequest {
  readonly task: Task;
  readonly hooks: TaskHooks;
  readonly signal: AbortSignal;
  readonly queue: string;
  readonly wait: QueueWait;
  /** The task as it travels. */
  readonly parcel: TaskMessage['parcel'];
}

/** Sees one task of a run through on a fleet: by what the store says, with what the queue says as a hint. */
export class FlightWatch {
  readonly #options: FleetOptions;
  readonly #request: FlightRequest;
  readonly #startedAt: number;
  readonly #heard: HeardTask;
  readonly #said: SaidWait;
  /** Of the flight that this one would begin. */
  #nonce = newNonce();
  readonly #job: string;
  /** The try that is waited for: this driver's, or one that was in the queue before. */
  #flight: Flight | undefined;
  #following: { readonly stop: () => void } | undefined;
  /** A worker has begun, as the store says, and has not said how it ended. */
  #isBegun = false;
  #isHinted = false;
  /** A worker began since the last look: what the queue said then is old. */
  #hasJustBegun = false;
  #isSoon = false;
  #lostParcel: Digest | undefined;
  /** Blobs that were sent anew. */
  readonly #mended = new Set<Digest>();
  #emptyEnds = 0;
  /** What its flight gave was lost. */
  #isMadeAgain = false;
  #nonDeterministic: readonly string[] | undefined;
  #wake: () => void = () => {};

  constructor(options: FleetOptions, request: FlightRequest) {
    this.#options = options;
    this.#request = request;
    this.#startedAt = options.world.clock.monotonic();
    this.#heard = new HeardTask(request.hooks);
    const { task, queue } = request;
    const { fingerprint, replace } = task;
    this.#said = new SaidWait({
      link: options.link,
      run: options.run,
      step: task.step.id,
      queue,
      heard: this.#heard,
    });
    this.#job = jobId({ fingerprint, nonce: this.#nonce }, replace);
  }

  /** @throws BlobDamaged if the store has lost an input */
  async land(): Promise<AttemptOutcome> {
    const { signal } = this.#request;
    const cancel = (): void => this.#wake();
    signal.addEventListener('abort', cancel);
    try {
      for (;;) {
        if (signal.aborted) return await this.#cancel();
        const outcome = await this.#look();
        if (outcome !== undefined) {
          if (this.#flight !== undefined) this.#options.link.landed(this.#flight, this.#options.run);
          return outcome;
        }
        if (this.#request.wait.isOver) return await this.#giveUp();
        await this.#pause();
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#following?.stop();
      void this.#said.withdraw(this.#flight);
    }
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options.world;
    const woken = new AbortController();
    this.#wake = () => woken.abort(WOKEN);
    if (this.#isHinted || this.#request.signal.aborted) return;
    const ms = Math.min(this.#isSoon ? SOON_MS : LOOK_MS, this.#request.wait.leftMs);
    await clock.sleep(ms, woken.signal).catch(() => {});
  }

  /** The store first; then what is in no queue and run by nobody is put there again. */
  async #look(): Promise<AttemptOutcome | undefined> {
    const [wasHinted, flight] = [this.#isHinted, this.#flight];
    [this.#isHinted, this.#hasJustBegun] = [false, false];
    try {
      await this.#sendParcel();
      const settled = await this.#fromStore(wasHinted);
      if (settled !== undefined) return settled;
      if (wasHinted && flight === this.#flight) this.#noteEmptyEnd();
      await this.#fromQueue();
      return undefined;
    } catch (error) {
      if (isAway(error)) {
        // Most likely it goes on.
        if (this.#isBegun) this.#request.wait.stop();
        this.#heard.waitFor(error.message);
        return undefined;
      }
      if (error instanceof Ended) return this.#failed(error.failure, '');
      throw error;
    }
  }

  /** A worker has not found what it is to do; it looks again. */
  async #sendParcel(): Promise<void> {
    const { shared, store } = this.#options;
    const digest = this.#lostParcel;
    this.#lostParcel = undefined;
    if (digest !== undefined && (await store.blobs.verify(digest)) === 'ok') await shared.replace(digest);
  }

  /** @param isSaid a worker says that it is done */
  async #fromStore(isSaid: boolean): Promise<AttemptOutcome | undefined> {
    const { shared } = this.#options;
    const { task } = this.#request;
    // Whoever takes the message looks first whether it is done meanwhile.
    if (!task.replace && this.#flight !== undefined) {
      const result = await shared.find(task.fingerprint, { isFresh: true, isMended: isSaid });
      const landed = result === undefined ? undefined : await this.#landed(result);
      if (landed !== undefined) return landed;
      shared.requireReachable();
    }
    if (this.#flight === undefined) return undefined;
    const { end, isCancelled, lost } = await readFlight(shared.remote, this.#flight);
    this.#isBegun = lost > 0;
    if (end !== undefined) return this.#ended(end);
    // Another run gave it up a moment before this one came: it begins a flight of its own.
    if (isCancelled) this.#beginAgain();
    return undefined;
  }

  /** Another flight, by this driver's own nonce. */
  #beginAgain(): undefined {
    this.#options.endedNonces.add(this.#flight?.nonce ?? '');
    this.#join(undefined);
    this.#isHinted = false;
    this.#nonce = newNonce();
    return undefined;
  }

  /** It was begun for another run, which gives it less time. */
  #mayTakeLonger(failure: Failure): boolean {
    return (
      failure.reason === 'timed-out' && failure.limitMs < (this.#request.task.step.timeoutMs ?? Infinity)
    );
  }

  /** What the shared cache has lost may be here: a file of the project, or what was brought before. */
  async #isMended(digest: Digest): Promise<boolean> {
    const { shared, store } = this.#options;
    if (this.#mended.has(digest)) return false;
    this.#mended.add(digest);
    return (await store.blobs.verify(digest)) === 'ok' && shared.replace(digest);
  }

  async #ended(end: FlightEnd): Promise<AttemptOutcome | undefined> {
    if (!end.ok) {
      this.#options.endedNonces.add(this.#flight?.nonce ?? '');
      if (end.damaged !== undefined) {
        const { digest, damage } = end.damaged;
        if (!(await this.#isMended(digest))) throw new BlobDamaged(digest, damage);
        return this.#beginAgain();
      }
      if (this.#mayTakeLonger(end.failure)) return this.#beginAgain();
      return this.#failed(end.failure, end.logTail, end.durationMs);
    }
    const { shared } = this.#options;
    const result = await shared.find(this.#request.task.fingerprint, { isFresh: true, isMended: true });
    const landed = result === undefined ? undefined : await this.#landed(result);
    if (landed !== undefined) return landed;
    shared.requireReachable();
    // What it gave was lost before this run had it, and whoever finds the end of the flight does nothing more.
    if (!this.#isMadeAgain) this.#beginAgain();
    this.#isMadeAgain = true;
    return undefined;
  }

  async #fromQueue(): Promise<void> {
    const { link, priority, shared, world } = this.#options;
    const { queue, parcel, task, wait } = this.#request;
    const { fingerprint } = task;
    const job = this.#job;
    const state = this.#flight === undefined ? 'absent' : await link.stateOf(queue, job);
    if (state === 'absent') {
      if (this.#flight !== undefined) {
        // Between the two looks it may have ended.
        const { end } = await readFlight(shared.remote, this.#flight);
        if (end !== undefined) return this.#hint();
      }
      const nonce = this.#flight?.nonce ?? this.#nonce;
      const turn = turnOf(priority, world.clock.now() - wait.waitedMs);
      const there = await link.enqueue(queue, job, { fingerprint, parcel, nonce }, turn);
      // The message of a flight that has ended is still there, for a moment: its end answers nobody any more.
      this.#isSoon = this.#options.endedNonces.has(there);
      if (this.#isSoon) return;
      this.#join({ fingerprint, nonce: there });
    }
    if (this.#flight !== undefined) await this.#wait(this.#flight, state);
  }

  async #wait(flight: Flight, state: MessageState): Promise<void> {
    const { link, run, world } = this.#options;
    const { wait, queue } = this.#request;
    const isRunning = state === 'running';
    const now = world.clock.now();
    const since = await link.wait(flight, run, { now, isRunning });
    if (isRunning || this.#hasJustBegun) {
      wait.stop();
      return this.#said.withdraw(flight);
    }
    wait.wait(Math.max(0, now - since));
    const isQueued = state === 'queued' || (state === 'absent' && !this.#heard.isStarted);
    const wanted = isQueued ? await this.#said.wanted() : undefined;
    if (this.#hasJustBegun) return;
    const holder = wanted ?? this.#heard.holder ?? roomIn(queue);
    await this.#said.say(flight, { holder, since, until: now + wait.leftMs });
    if (wanted !== undefined) this.#heard.waitFor(wanted);
  }

  #join(flight: Flight | undefined): void {
    if (flight?.nonce === this.#flight?.nonce) return;
    this.#following?.stop();
    this.#flight = flight;
    if (flight !== undefined && flight.nonce !== this.#nonce) this.#said.adopt();
    this.#following =
      flight === undefined ? undefined : this.#options.link.follow(flight, (entry) => this.#take(entry));
  }

  #take(entry: LiveEntry): void {
    switch (entry.type) {
      case 'started':
        this.#start(entry.worker);
        return this.#heard.begin(entry);
      case 'output':
        return this.#heard.output(entry);
      case 'report':
        return this.#heard.report(entry.entry);
      case 'exited':
        return this.#heard.exit();
      case 'waiting':
        return this.#heard.isStarted ? undefined : this.#heard.waitFor(entry.holder);
      case 'lost':
        this.#lostParcel = entry.parcel;
        return this.#wake();
      case 'unsettled':
        return this.#heard.waitFor(entry.holder);
      case 'ended':
        this.#nonDeterministic = entry.nonDeterministic;
        return this.#hint();
    }
  }

  /** Something happened: the store is asked now. */
  #hint(): void {
    this.#isHinted = true;
    this.#wake();
  }

  #start(worker?: string): void {
    this.#request.wait.stop();
    this.#hasJustBegun = true;
    if (!this.#heard.isStarted) void this.#said.withdraw(this.#flight);
    this.#heard.start(worker);
  }

  /** A worker's word that the store does not bear out: most likely its signature is not accepted here. */
  #noteEmptyEnd(): void {
    this.#emptyEnds += 1;
    if (this.#emptyEnds < MOST_EMPTY_ENDS) return;
    throw new Ended({
      reason: 'infra',
      detail: `workers say that it is done, and ${this.#options.shared.remote.name} has no result of it that is accepted here: list the keys of the workers in accept:, and see that they share this cache; fleets that share a Redis have a STOCKPOT_REDIS_PREFIX each`,
    });
  }

  async #landed(result: Result): Promise<AttemptOutcome | undefined> {
    const { shared, store } = this.#options;
    const { task } = this.#request;
    if (!(await adoptForRun(task.step, result, shared, store))) return undefined;
    this.#start();
    const report = readReport(store, task.fingerprint);
    this.#heard.catchUp(report);
    this.#heard.exit();
    return {
      ok: true,
      outputs: result.outputs,
      durationMs: result.producer.durationMs,
      published: true,
      report,
      ...(this.#nonDeterministic === undefined ? {} : { nonDeterministic: this.#nonDeterministic }),
    };
  }

  async #cancel(): Promise<AttemptOutcome> {
    if (!(this.#request.signal.reason instanceof RunLeft)) await this.#leave();
    return this.#neverBegun({ reason: 'cancelled' });
  }

  /** No worker began it for as long as it may wait. */
  async #giveUp(): Promise<AttemptOutcome> {
    const { queue, wait } = this.#request;
    await this.#leave();
    this.#options.endedNonces.add(this.#flight?.nonce ?? '');
    const holder =
      this.#heard.holder ??
      (this.#heard.isStarted ? 'another, as the one that had it is gone' : roomIn(queue));
    return this.#neverBegun(await queueTimeout(this.#options.link, { queue, limitMs: wait.limitMs, holder }));
  }

  /** This run no longer waits for the flight, which is ended if no other does. */
  async #leave(): Promise<void> {
    const { link, run, shared } = this.#options;
    if (this.#flight === undefined) return;
    try {
      if (await link.leave(this.#flight, run)) {
        await recordCancel(shared.remote, this.#flight);
        await link.cancel(this.#request.queue, this.#job, this.#flight);
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      // Workers look there too; another run that waits begins again.
      if (error instanceof RedisAway) await recordCancel(shared.remote, this.#flight).catch(() => {});
    }
  }

  #failed(failure: Failure, logTail: string, durationMs?: number): AttemptOutcome {
    this.#start();
    return { ok: false, failure, logTail, durationMs: durationMs ?? this.#elapsed };
  }

  #neverBegun(failure: Failure): AttemptOutcome {
    return { ok: false, failure, logTail: '', durationMs: this.#elapsed };
  }

  get #elapsed(): number {
    return this.#options.world.clock.monotonic() - this.#startedAt;
  }
}

function isAway(error: unknown): error is Error {
  return error instanceof RedisAway || isRemoteProblem(error);
}

/** How a flight ends that no worker ends. */
class Ended extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.reason);
    this.failure = failure;
  }
}

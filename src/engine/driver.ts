import { dirname } from 'node:path';
import type { RunFinished, Unstamped } from '../core/events.ts';
import type { Fingerprint } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { Attempts } from './attempts.ts';
import { reconcileEffect } from './effects.ts';
import { reasonFor } from './explain.ts';
import { failureOfError } from './failure-of-error.ts';
import { History } from './history.ts';
import type { Holder } from './holder.ts';
import { Journal } from './journal.ts';
import { Lookup } from './lookup.ts';
import { madeSteps } from './made-steps.ts';
import type { AttemptOutcome } from './ports.ts';
import { type PreparedTask, prepareTask } from './prepare-task.ts';
import { journalPath } from './read-journal.ts';
import { ReadyQueue } from './ready-queue.ts';
import { retryDelayMs } from './retry-policy.ts';
import { RunGraph, type RunNode } from './run-graph.ts';
import type { RunOptions } from './run-options.ts';
import { runStarted } from './run-started.ts';
import { CodeBook } from './step-code.ts';
import { StepEnds } from './step-ends.ts';
import type { Hit } from './usable-result.ts';
import { waitAgain } from './wait-again.ts';

/** What waits to be executed: a task, and which attempt it would be. */
interface Waiting {
  readonly node: RunNode;
  readonly task: PreparedTask;
  readonly attempt: number;
}

const POLL_MS = 50;

/**
 * Walks one run's plan to its end. Looking up is done in one turn of the loop for as many steps as can
 * be; executing is what it waits for.
 */
export class Driver {
  readonly #options: RunOptions;
  readonly #graph: RunGraph;
  readonly #journal: Journal;
  readonly #history: History;
  readonly #ends: StepEnds;
  readonly #attempts: Attempts;
  readonly #code: CodeBook;
  readonly #lookup: Lookup;
  readonly #ready: ReadyQueue;
  readonly #waiting: Waiting[] = [];
  #isSorted = true;
  /** Something that another process executes, or a limit that it has, is waited for. */
  #mustPoll = false;
  #wake: () => void = () => {};
  readonly #busy = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #startedAt: number;
  #fatal: Error | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    const { plan, roles, world, store } = options;
    this.#startedAt = options.startedAt;
    this.#graph = new RunGraph(plan, roles);
    this.#journal = Journal.create(
      dirname(journalPath(options.home, options.id)),
      world.clock,
      options.subscribers,
      options.journaled,
    );
    this.#history = new History(store.index, plan.recipe);
    this.#ends = new StepEnds(options, this.#graph, this.#history, {
      emit: (event) => this.#emit(event),
      onReady: (node) => this.#makeReady(node),
      onEffect: (node) => this.#inBackground(node, () => this.#reconcile(node)),
    });
    this.#attempts = new Attempts(options, {
      emit: (event) => {
        this.#emit(event);
        // Whoever follows the journal sees it now, not when the step ends.
        this.#wake();
      },
      onRoom: () => this.#wake(),
    });
    this.#code = new CodeBook(options.projectDir, store.files);
    this.#lookup = new Lookup(options);
    this.#ready = new ReadyQueue((index) => this.#graph.priority(index));
  }

  /** @throws what keeps the run itself from going on: a journal that cannot be written, a bug. */
  async run(): Promise<RunFinished> {
    const { signal } = this.#options;
    const cancel = (): void => this.#stop.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      this.#begin();
      await this.#walk();
      return this.#finish();
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#attempts.settle(true);
      this.#journal.close();
      this.#history.save();
      this.#options.store.remember();
    }
  }

  #begin(): void {
    this.#emit(runStarted(this.#options, this.#graph, this.#history));
    for (const { message } of this.#options.plan.warnings) this.#emit({ type: 'run.warning', message });
    for (const node of this.#graph.nodes) if (node.missing === 0) this.#makeReady(node);
  }

  async #walk(): Promise<void> {
    for (;;) {
      if (this.#fatal !== undefined) this.#stop.abort(this.#fatal);
      this.#lookUpAll();
      if (this.#isStopping()) this.#cancelWaiting();
      else this.#startAll();
      this.#attempts.settle(this.#isStopping());
      this.#journal.flush();
      if (this.#busy.size === 0 && this.#ready.size === 0 && this.#waiting.length === 0) break;
      await this.#pause();
    }
    if (this.#fatal !== undefined) throw this.#fatal;
    for (const node of this.#graph.nodes)
      if (node.role === 'run' && node.phase === 'pending') this.#ends.cancel(node);
  }

  /** Until something ends, is said or has room; what another process executes is looked for now and then. */
  async #pause(): Promise<void> {
    const { clock } = this.#options.world;
    const { promise: room, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (!this.#mustPoll) {
      await Promise.race([...this.#busy, room]);
      return;
    }
    const woken = new AbortController();
    await Promise.race([...this.#busy, room, clock.sleep(POLL_MS, woken.signal).catch(() => {})]);
    woken.abort();
  }

  #lookUpAll(): void {
    for (let index = this.#ready.pop(); index !== undefined; index = this.#ready.pop()) {
      const node = this.#graph.at(index);
      if (this.#isStopping()) {
        this.#ends.cancel(node);
        continue;
      }
      if (!node.step.when) this.#ends.skip(node, 'when');
      else if (this.#options.references.concerns(node.step))
        this.#inBackground(node, () => this.#resolveThenLookUp(node));
      else this.#guarded(node, () => this.#lookUp(node));
    }
  }

  async #resolveThenLookUp(node: RunNode): Promise<void> {
    for (const { input, reference, digest } of await this.#options.references.resolve(node.step))
      this.#emit({ type: 'reference.resolved', step: node.step.id, input, reference, digest });
    this.#lookUp(node);
  }

  /** Takes the step from the cache, or puts it among those that wait to be executed. */
  #lookUp(node: RunNode): void {
    const { flags } = this.#options;
    const task = this.#prepare(node);
    const forced = node.role === 'run' && (flags.force(node.step) || node.step.cache === 'never');
    if (forced || node.rewound) return this.#missed(node, task);
    const hit = this.#usable(node, task.fingerprint);
    if (hit !== undefined) this.#ends.hit(node, task.fingerprint, hit);
    else if (this.#lookup.isShared) this.#inBackground(node, () => this.#lookUpShared(node, task));
    else this.#missed(node, task);
  }

  async #lookUpShared(node: RunNode, task: PreparedTask): Promise<void> {
    const hit = await this.#lookup.shared(node.step, task.fingerprint, node.role === 'run');
    if (hit === undefined) this.#missed(node, task);
    else this.#ends.hit(node, task.fingerprint, hit);
  }

  #missed(node: RunNode, task: PreparedTask): void {
    if (node.role !== 'run') {
      return this.#ends.fail(node, 1, {
        reason: 'infra',
        detail: 'its result is not in the cache, and this run leaves it out: run it without --from or --only',
      });
    }
    this.#attempts.requireRoom(node.step);
    this.#options.expectWork(node.step);
    this.#graph.rank(this.#history);
    this.#wait({ node, task, attempt: 1 });
  }

  #prepare(node: RunNode): PreparedTask {
    const { projectDir, store, plan, references } = this.#options;
    return prepareTask(node.step, {
      projectDir,
      store,
      settings: plan.settings,
      code: this.#code,
      outputOf: (step, output) => this.#graph.outputOf(step, output),
      referenced: (reference) => references.referenced(reference),
      toolVersion: (tool) => references.toolVersion(tool),
      probeOf: (step) => references.probeOf(step),
    });
  }

  #usable({ step, role }: RunNode, fingerprint: Fingerprint): Hit | undefined {
    return this.#lookup.local(step, fingerprint, role === 'run');
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#isSorted = false;
  }

  #startAll(): void {
    this.#mustPoll = false;
    if (!this.#isSorted)
      this.#waiting.sort(
        (a, b) =>
          this.#graph.priority(b.node.index) - this.#graph.priority(a.node.index) ||
          a.node.index - b.node.index,
      );
    this.#isSorted = true;
    for (let at = 0; at < this.#waiting.length; ) {
      const waiting = this.#waiting[at];
      if (waiting === undefined || this.#attempts.isFull) return;
      const { node, task } = waiting;
      const holder = this.#attempts.enter(node.step, task);
      if (holder === undefined) {
        this.#waiting.splice(at, 1);
        this.#inBackground(node, () => this.#execute(waiting));
      } else {
        this.#sayWaiting(node, holder);
        this.#mustPoll ||= holder.reason !== 'resources';
        at += 1;
      }
    }
  }

  #sayWaiting(node: RunNode, { reason, holder }: Holder): void {
    if (node.phase === 'waiting' || holder === undefined) return;
    node.phase = 'waiting';
    this.#emit({ type: 'step.waiting', step: node.step.id, reason, holder });
  }

  async #execute({ node, task, attempt }: Waiting): Promise<void> {
    const { world, flags } = this.#options;
    const { step } = node;
    // Someone else may have published it while this run waited.
    const forced = flags.force(step) || step.cache === 'never';
    const there = forced || node.rewound || attempt > 1 ? undefined : this.#usable(node, task.fingerprint);
    if (there !== undefined) {
      this.#attempts.leave(step, task);
      return this.#ends.hit(node, task.fingerprint, there);
    }
    const because = forced
      ? 'it was forced'
      : node.rewound
        ? 'a blob of its result was lost'
        : reasonFor(this.#options.store, this.#history.get(step.id)?.fingerprint, task);
    const started = (worker?: string): void => {
      const known = { step: step.id, fingerprint: task.fingerprint, attempt, because };
      this.#emit({ type: 'step.started', ...known, ...(worker === undefined ? {} : { worker }) });
      this.#journal.flush();
    };
    let outcome: AttemptOutcome;
    try {
      const replace = forced || node.rewound || typeof step.cache !== 'string';
      const fresh = flags.force(step) && attempt === 1;
      outcome = await this.#attempts.execute(
        step,
        task,
        { attempt, replace, fresh },
        started,
        this.#stop.signal,
      );
    } catch (error) {
      if (error instanceof BlobDamaged) return this.#rewind(node, error);
      throw error;
    }
    if (outcome.ok) return this.#ends.succeed(node, task.fingerprint, outcome);
    const { failure } = outcome;
    if (failure.reason === 'cancelled') return this.#ends.cancel(node);
    const delayMs = this.#isStopping() ? undefined : retryDelayMs(step, failure, attempt);
    if (delayMs !== undefined) {
      this.#emit({ type: 'step.retrying', step: step.id, attempt, failure, delayMs });
      await world.clock.sleep(delayMs, this.#stop.signal).catch(() => {});
      this.#wait({ node, task: this.#prepare(node), attempt: attempt + 1 });
      return;
    }
    this.#ends.fail(node, attempt, failure, outcome.logTail);
  }

  async #reconcile(node: RunNode): Promise<void> {
    this.#journal.sync();
    const event = await reconcileEffect(node, this.#options, {
      made: () =>
        madeSteps(node, this.#graph, {
          prepare: (one) => this.#prepare(one),
          fingerprintOf: (step) => this.#history.get(step)?.fingerprint,
        }),
      report: (entry) => this.#emit({ type: 'step.report', step: node.step.id, entry }),
    });
    if (event.type === 'effect.failed') this.#ends.effectFailed();
    this.#emit(event);
  }

  /** A blob that a step needs is lost: whoever made it runs again, once, and all that miss it wait for it. */
  #rewind(node: RunNode, { digest, damage }: BlobDamaged): void {
    const again = waitAgain(node, digest, { graph: this.#graph, store: this.#options.store });
    if (again.next === 'lost')
      return this.#ends.fail(node, 1, {
        reason: 'infra',
        detail: `the blob ${digest} of an input is ${damage}`,
      });
    if (again.next === 'ready') return this.#makeReady(node);
    if (again.next === 'waits') return;
    const { producer } = again;
    this.#emit({ type: 'step.rewound', step: producer.step.id, digest, neededBy: node.step.id });
    this.#makeReady(producer);
  }

  #cancelWaiting(): void {
    for (const { node } of this.#waiting.splice(0)) this.#ends.cancel(node);
  }

  /** After a failure nothing new starts, unless --keep-going; what runs is seen to its end. */
  #isStopping(): boolean {
    return this.#stop.signal.aborted || (this.#ends.hasFailed && !this.#options.flags.keepGoing);
  }

  #finish(): RunFinished {
    const { clock } = this.#options.world;
    const finished = this.#ends.finished(clock.monotonic() - this.#startedAt);
    this.#emit(finished);
    return { ...finished, seq: 0, at: clock.now() };
  }

  #guarded(node: RunNode, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#blame(node, error);
    }
  }

  #inBackground(node: RunNode, work: () => Promise<void>): void {
    const promise: Promise<void> = work()
      .catch((error: unknown) => this.#blame(node, error))
      .finally(() => this.#busy.delete(promise));
    this.#busy.add(promise);
  }

  /** What the user can mend ends the step; anything else is a bug and ends the run. */
  #blame(node: RunNode, error: unknown): void {
    if (!(error instanceof RecipeError))
      this.#fatal ??= error instanceof Error ? error : new Error(String(error));
    else this.#ends.fail(node, 1, failureOfError(error), error.message);
  }

  #makeReady(node: RunNode): void {
    if (node.role === 'omit') return;
    node.phase = 'ready';
    this.#ready.push(node.index);
  }

  #emit(event: Unstamped): void {
    this.#journal.append(event);
  }
}

import type { Outputs, RunFinished, Unstamped } from '../core/events.ts';
import type { Failure } from '../core/failure.ts';
import type { Fingerprint, StepId } from '../core/ids.ts';
import type { History } from './history.ts';
import { LatestLinks } from './latest-links.ts';
import type { AttemptOutcome } from './ports.ts';
import type { RunGraph, RunNode } from './run-graph.ts';
import type { RunOptions } from './run-options.ts';
import { RunTally } from './run-tally.ts';
import type { Hit } from './usable-result.ts';

interface StepEndsHooks {
  readonly emit: (event: Unstamped) => void;
  /** Called when all that a step needs is done. */
  readonly onReady: (node: RunNode) => void;
  /** Called when a step is done that changes something outside. */
  readonly onEffect: (node: RunNode) => void;
}

/** What becomes of the steps of one run: each end is said, counted and kept, and whoever waited for it goes on. */
export class StepEnds {
  readonly #options: RunOptions;
  readonly #graph: RunGraph;
  readonly #history: History;
  readonly #hooks: StepEndsHooks;
  readonly #latest: LatestLinks;
  readonly #tally = new RunTally();
  #failedStep: StepId | undefined;

  constructor(options: RunOptions, graph: RunGraph, history: History, hooks: StepEndsHooks) {
    const { home, plan, store } = options;
    this.#options = options;
    this.#graph = graph;
    this.#history = history;
    this.#hooks = hooks;
    this.#latest = new LatestLinks(home, plan.recipe, store);
  }

  get hasFailed(): boolean {
    return this.#failedStep !== undefined;
  }

  hit(node: RunNode, fingerprint: Fingerprint, { result, log }: Hit): void {
    const { producer, outputs } = result;
    const { emit } = this.#hooks;
    if (node.role === 'run') {
      this.#tally.cached(producer.durationMs);
      emit({ type: 'step.cached', step: node.step.id, fingerprint, outputs, savedMs: producer.durationMs });
      for (const text of log) emit({ type: 'step.output', step: node.step.id, stream: 'stdout', text });
    }
    this.#done(node, fingerprint, outputs, undefined);
  }

  succeed(node: RunNode, fingerprint: Fingerprint, outcome: AttemptOutcome & { ok: true }): void {
    const { step } = node;
    const { outputs, durationMs, published } = outcome;
    const { emit } = this.#hooks;
    this.#tally.count('succeeded');
    node.published = published && step.needs.every((need) => this.#graph.get(need).published);
    emit({ type: 'step.succeeded', step: step.id, fingerprint, outputs, durationMs, published });
    if (outcome.nonDeterministic !== undefined)
      emit({
        type: 'run.warning',
        step: step.id,
        message: `${step.id} gave other bytes than before for the same inputs: ${outcome.nonDeterministic.join(', ')}`,
      });
    this.#done(node, fingerprint, outputs, durationMs);
  }

  #done(node: RunNode, fingerprint: Fingerprint, outputs: Outputs, durationMs: number | undefined): void {
    const { world, id } = this.#options;
    const { emit, onEffect, onReady } = this.#hooks;
    node.outputs = outputs;
    node.phase = 'done';
    node.published &&= node.step.needs.every((need) => this.#graph.get(need).published);
    const isNew = this.#history.get(node.step.id)?.fingerprint !== fingerprint;
    const problem = isNew || !this.#latest.areThere ? this.#latest.update(node.step, outputs) : undefined;
    if (problem !== undefined) emit({ type: 'run.warning', step: node.step.id, message: problem });
    this.#history.note(node.step.id, fingerprint, id, world.clock.now(), durationMs);
    if (node.role === 'run' && 'effect' in node.step.action) onEffect(node);
    for (const index of node.dependents) {
      const dependent = this.#graph.at(index);
      dependent.missing -= 1;
      if (dependent.missing === 0 && dependent.phase === 'pending') onReady(dependent);
    }
  }

  fail(node: RunNode, attempt: number, failure: Failure, logTail = ''): void {
    this.#tally.count('failed');
    this.#failedStep ??= node.step.id;
    node.phase = 'ended';
    this.#hooks.emit({ type: 'step.failed', step: node.step.id, failure, attempt, logTail });
    this.skip(node, node.step.id);
  }

  /** Ends steps that will not run: this one unless it has ended, and all that need it. */
  skip(node: RunNode, because: StepId | 'when'): void {
    const below = this.#graph.pendingBelow(node);
    for (const one of node.phase === 'ended' ? below : [node, ...below]) {
      one.phase = 'ended';
      if (one.role !== 'run') continue;
      this.#tally.count('skipped');
      this.#hooks.emit({ type: 'step.skipped', step: one.step.id, because });
    }
  }

  cancel(node: RunNode): void {
    if (node.phase === 'ended') return;
    node.phase = 'ended';
    this.#tally.count('cancelled');
    const reason = this.#options.signal.aborted
      ? 'interrupted'
      : `stopped after ${this.#failedStep ?? 'a failure'} failed`;
    this.#hooks.emit({ type: 'step.cancelled', step: node.step.id, reason });
  }

  effectFailed(): void {
    this.#tally.effectFailed();
  }

  /** The last event of the run. */
  finished(durationMs: number): Unstamped<RunFinished> {
    return this.#tally.finished(this.#options.signal.aborted, durationMs);
  }
}

import { randomBytes } from 'node:crypto';
import type {
  EffectEvent,
  RunEvent,
  RunFinished,
  RunStarted,
  StepEvent,
  StepStarted,
  StepWaiting,
} from '../core/events.ts';
import { describeFailure, type Failure, unreachable } from '../core/failure.ts';
import type { StepId } from '../core/ids.ts';
import type { Caller } from './caller.ts';
import { attributesOf, nanoseconds, type Span, type SpanEvent, shortened } from './span.ts';

/** Events that one span keeps, as OpenTelemetry's SDKs have it. */
const MOST_EVENTS = 128;

type Values = Parameters<typeof attributesOf>[0];

/** A span that goes on. */
interface Open {
  readonly id: string;
  readonly name: string;
  readonly at: number;
  readonly values: Record<string, string | number | undefined>;
  readonly events: SpanEvent[];
  dropped: number;
}

export interface RunSpansOptions {
  /** Who began the run, if that is traced too. */
  readonly caller: Caller | undefined;
  /** The name that a submitted run has for who submitted it. */
  readonly submission: string | undefined;
  /** Told of each span when it has ended. */
  readonly ended: (span: Span) => void;
}

/**
 * A run as one trace: a span for the run, and one below it for each step that was executed, all its attempts
 * in it. A step from the cache did nothing that takes time, and is an event of the run's span.
 */
export class RunSpans {
  readonly #options: RunSpansOptions;
  readonly #traceId: string;
  readonly #steps = new Map<StepId, Open>();
  readonly #waiting = new Map<StepId, StepWaiting[]>();
  #run: Open | undefined;
  #at = 0;

  constructor(options: RunSpansOptions) {
    this.#options = options;
    this.#traceId = options.caller?.traceId ?? randomBytes(16).toString('hex');
  }

  readonly take = (event: RunEvent): void => {
    this.#at = event.at;
    switch (event.type) {
      case 'run.started':
        this.#run = opened(`run ${event.recipe}`, event.at, this.#valuesOf(event));
        return;
      case 'run.finished':
        this.#finish(event);
        return;
      case 'run.warning':
        this.#note(event, { 'stockpot.message': event.message });
        return;
      case 'reference.resolved':
        this.#note(event, {
          'stockpot.input': event.input,
          'stockpot.reference': event.reference,
          'stockpot.digest': event.digest,
        });
        return;
      case 'effect.done':
      case 'effect.unchanged':
      case 'effect.pending':
      case 'effect.skipped':
      case 'effect.failed':
        this.#note(event, effectValues(event));
        return;
      default:
        this.#takeStep(event);
    }
  };

  /** Ends what goes on, if the run broke off without saying so. */
  close(): void {
    for (const step of this.#steps.keys()) this.#endStep(step, this.#at, { outcome: 'interrupted' });
    if (this.#run !== undefined)
      this.#end(this.#run, this.#at, { 'stockpot.outcome': 'interrupted' }, 'the run broke off');
    this.#run = undefined;
  }

  #takeStep(event: StepEvent): void {
    const { step, at } = event;
    switch (event.type) {
      case 'step.output':
      case 'step.report':
        return;
      case 'step.waiting':
        this.#waiting.set(step, [...(this.#waiting.get(step) ?? []), event].slice(-MOST_EVENTS));
        return;
      case 'step.started':
        this.#start(event);
        return;
      case 'step.retrying':
        note(this.#steps.get(step), event, {
          'stockpot.attempt': event.attempt,
          'error.type': event.failure.reason,
          'stockpot.failure': describeFailure(event.failure),
          'stockpot.delay_ms': event.delayMs,
        });
        return;
      case 'step.succeeded':
        this.#endStep(step, at, { outcome: 'succeeded' });
        return;
      case 'step.failed':
        this.#endStep(step, at, { outcome: 'failed', failure: event.failure });
        return;
      case 'step.cancelled':
        this.#endStep(step, at, { outcome: 'cancelled' });
        return;
      case 'step.cached':
        if (this.#steps.has(step)) this.#endStep(step, at, { outcome: 'cached' });
        this.#waiting.delete(step);
        this.#note(event, { 'stockpot.fingerprint': event.fingerprint, 'stockpot.saved_ms': event.savedMs });
        return;
      case 'step.skipped':
        this.#note(event, { 'stockpot.because': event.because });
        return;
      case 'step.rewound':
        this.#note(event, { 'stockpot.digest': event.digest, 'stockpot.needed_by': event.neededBy });
        return;
      default:
        unreachable(event);
    }
  }

  #start({ step, at, fingerprint, attempt, because, worker }: StepStarted): void {
    const known = this.#steps.get(step);
    const span =
      known ??
      opened(`step ${step}`, at, {
        'stockpot.step': step,
        'stockpot.fingerprint': fingerprint,
        'stockpot.because': because,
        'stockpot.worker': worker,
      });
    this.#steps.set(step, span);
    span.values['stockpot.attempts'] = attempt;
    this.#noteWaits(span, step, at);
    if (known !== undefined) note(span, { type: 'step.started', at }, { 'stockpot.attempt': attempt });
  }

  #endStep(step: StepId, at: number, { outcome, failure }: { outcome: string; failure?: Failure }): void {
    const span = this.#steps.get(step);
    this.#steps.delete(step);
    const problem = failure === undefined ? undefined : describeFailure(failure);
    const type = failure?.reason;
    if (span === undefined) {
      // This run executed nothing of it: another run did, or it did not come so far.
      this.#waiting.delete(step);
      this.#note({ type: `step.${outcome}`, at, step }, { 'error.type': type, 'stockpot.failure': problem });
      return;
    }
    this.#noteWaits(span, step, at);
    this.#end(span, at, { 'stockpot.outcome': outcome, 'error.type': type }, problem);
  }

  /** A wait lasts until the next one, or until now. One from before the span is told at its beginning. */
  #noteWaits(span: Open, step: StepId, at: number): void {
    const waits = this.#waiting.get(step) ?? [];
    this.#waiting.delete(step);
    for (const [nth, { reason, holder, at: since }] of waits.entries())
      note(
        span,
        { type: 'step.waited', at: Math.max(since, span.at) },
        {
          'stockpot.reason': reason,
          'stockpot.holder': holder,
          'stockpot.waited_ms': (waits[nth + 1]?.at ?? at) - since,
        },
      );
  }

  #finish({ at, outcome, counts, savedMs }: RunFinished): void {
    const run = this.#run;
    if (run === undefined) return;
    for (const step of this.#steps.keys()) this.#endStep(step, at, { outcome: 'cancelled' });
    this.#run = undefined;
    const values: Values = {
      'stockpot.outcome': outcome,
      'stockpot.saved_ms': savedMs,
      ...Object.fromEntries(Object.entries(counts).map(([key, count]) => [`stockpot.steps.${key}`, count])),
    };
    const failed = counts.failed === 1 ? 'a step failed' : `${counts.failed} steps failed`;
    this.#end(run, at, values, outcome === 'failed' ? failed : undefined);
  }

  /** Something that happened at the run's own span. */
  #note(event: { type: string; at: number; step?: StepId }, values: Values): void {
    note(this.#run, event, { 'stockpot.step': event.step, ...values });
  }

  #valuesOf({ run, recipe, profile, steps }: RunStarted): Open['values'] {
    return {
      'stockpot.run': run,
      'stockpot.recipe': recipe,
      'stockpot.profile': profile,
      'stockpot.submission': this.#options.submission,
      'stockpot.steps': steps.length,
    };
  }

  #end(span: Open, at: number, values: Values, problem: string | undefined): void {
    const { caller } = this.#options;
    const parent = span === this.#run || this.#run === undefined ? caller?.spanId : this.#run.id;
    this.#options.ended({
      traceId: this.#traceId,
      spanId: span.id,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      ...(caller?.state === undefined ? {} : { traceState: caller.state }),
      name: span.name,
      kind: 1,
      startTimeUnixNano: nanoseconds(span.at),
      endTimeUnixNano: nanoseconds(at),
      attributes: attributesOf({ ...span.values, ...values }),
      events: span.events,
      droppedEventsCount: span.dropped,
      status: problem === undefined ? {} : { code: 2, message: shortened(problem) },
    });
  }
}

function opened(name: string, at: number, values: Open['values']): Open {
  return { id: randomBytes(8).toString('hex'), name, at, values, events: [], dropped: 0 };
}

function note(span: Open | undefined, { type, at }: { type: string; at: number }, values: Values): void {
  if (span === undefined) return;
  if (span.events.length < MOST_EVENTS)
    span.events.push({ timeUnixNano: nanoseconds(at), name: type, attributes: attributesOf(values) });
  else span.dropped += 1;
}

function effectValues(event: EffectEvent): Values {
  const { effect } = event;
  switch (event.type) {
    case 'effect.skipped':
      return { 'stockpot.effect': effect, 'stockpot.because': event.because };
    case 'effect.failed':
      return {
        'stockpot.effect': effect,
        'error.type': event.error.code,
        'stockpot.message': event.error.message,
      };
    case 'effect.pending':
      return { 'stockpot.effect': effect, 'stockpot.promotion': event.promotion };
    case 'effect.done':
    case 'effect.unchanged':
      return { 'stockpot.effect': effect };
    default:
      return unreachable(event);
  }
}

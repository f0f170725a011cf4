import type { Fingerprint } from '../../src/core/ids.ts';
import type { AttemptOutcome } from '../../src/engine/ports.ts';
import type { Start } from '../../src/executors/fleet/message-taker.ts';
import type { Flight } from '../../src/store/remote/remote.ts';
import type { Result } from '../../src/store/results.ts';
import type { FlightStory } from './flight-story.ts';
import type { StepPlan } from './flight-tasks.ts';
import type { SimProcess } from './sim-process.ts';
import type { SharedWitness, SimShared } from './sim-shared.ts';
import type { Timeline } from './timeline.ts';

const MOST_LOST = 3;

/** Looks at all that is written to the shared store, executed, and given to runs for what may never be. */
export class FlightCheck implements SharedWitness {
  readonly violations: string[] = [];
  readonly #timeline: Timeline;
  readonly #story: FlightStory;
  #wholeSince: SimShared['wholeSince'] = () => undefined;
  /** When a worker was last given the message of a task. */
  readonly #taken = new Map<string, number>();
  /** When a process last read the result of a task. */
  readonly #looks = new Map<string, number>();
  /** The records of a flight as a process last read them. */
  readonly #seen = new Map<string, ReadonlyMap<string, string>>();
  /** When bytes last became the result of a task. */
  readonly #committed = new Map<Fingerprint, Map<string, number>>();
  readonly #executions = new Map<Fingerprint, { readonly step: string; readonly by: SimProcess[] }>();
  /** Tasks that are executed anew on purpose, as something of what they gave is lost. */
  readonly #replaced = new Set<Fingerprint>();
  /** Whether each worker always hears of the others in time. */
  readonly #isOrderly: boolean;

  constructor(timeline: Timeline, story: FlightStory, isOrderly: boolean) {
    this.#timeline = timeline;
    this.#isOrderly = isOrderly;
    this.#story = story;
  }

  watch(shared: SimShared): void {
    this.#wholeSince = (fingerprint) => shared.wholeSince(fingerprint);
  }

  /** A worker is given the message of a task. */
  takes(by: SimProcess, fingerprint: Fingerprint): void {
    this.#taken.set(`${by.name} ${fingerprint}`, this.#timeline.now);
  }

  readResult(by: SimProcess, fingerprint: Fingerprint): void {
    this.#looks.set(`${by.name} ${fingerprint}`, this.#timeline.now);
  }

  wroteResult(by: SimProcess, result: Result, before: Result | undefined): void {
    const { fingerprint, producer } = result;
    for (const { digest } of Object.values(result.outputs)) this.#story.made(digest, producer.step);
    if (result.report !== undefined) this.#story.made(result.report.digest, producer.step);
    const isOther = before !== undefined && bytesOf(before) !== bytesOf(result);
    if (isOther && !this.#replaced.has(fingerprint) && this.#wasWhole(fingerprint, this.#looks, by))
      this.#violation(`F1 ${by.name} puts other bytes in the place of what ${producer.step} gave`);
    const committed = this.#committed.get(fingerprint) ?? new Map<string, number>();
    this.#committed.set(fingerprint, committed.set(bytesOf(result), this.#timeline.now));
  }

  readRecords(by: SimProcess, { nonce }: Flight, records: ReadonlyMap<string, string>): void {
    this.#seen.set(`${by.name} ${nonce}`, records);
  }

  wroteRecord(by: SimProcess, { fingerprint, nonce }: Flight, name: string, text: string): void {
    const flight = this.#story.flight(nonce, fingerprint);
    const [kind, nth = ''] = name.split('-');
    this.#timeline.note(by.name, `writes ${name} of ${this.#stepOf(fingerprint)}`);
    if (kind === 'cancel') flight.isCancelled = true;
    else if (kind === 'end') {
      // That is no end of the start, but what is made of its lacking one.
      if (!text.includes('poison')) flight.ends.set(nth, text);
    } else {
      const hasEnded = [...flight.ends.values()].some((end) => end !== 'preempted');
      if (this.#isOrderly && hasEnded)
        this.#violation(`F3 ${by.name} begins ${this.#stepOf(fingerprint)}, which had ended`);
      flight.starts.push({ nth, by, at: this.#timeline.now });
      this.#started(by, fingerprint, this.#seen.get(`${by.name} ${nonce}`) ?? new Map());
    }
  }

  /** A worker that has read these records of a flight begins. */
  #started(by: SimProcess, fingerprint: Fingerprint, seen: ReadonlyMap<string, string>): void {
    const who = `F3 ${by.name} begins ${this.#stepOf(fingerprint)}`;
    const starts = [...seen.keys()].filter((name) => name.startsWith('start-'));
    const ends = starts.map((name) => seen.get(name.replace('start', 'end')));
    if (seen.has('cancel')) this.#violation(`${who}, which was cancelled`);
    if (ends.some((text) => text !== undefined && text !== 'preempted'))
      this.#violation(`${who} once more, whose end it has read`);
    if (ends.filter((text) => text === undefined).length >= MOST_LOST)
      this.#violation(`${who}, of which ${MOST_LOST} starts were lost`);
  }

  /** An attempt begins. */
  begins(by: SimProcess, { fingerprint, parcel: { step, replace } }: Start): void {
    this.#timeline.note(by.name, `executes ${step.id}${replace ? ' anew' : ''}`);
    const execution = this.#executions.get(fingerprint) ?? { step: step.id, by: [] };
    execution.by.push(by);
    this.#executions.set(fingerprint, execution);
    if (replace) this.#replaced.add(fingerprint);
    else if (this.#wasWhole(fingerprint, this.#taken, by))
      this.#violation(`F2 ${by.name} executes ${step.id}, whose result was there when it took it`);
  }

  /** What was executed more than once, and not because its worker died or somebody asked for that. */
  repeated(): string[] {
    return [...this.#executions].flatMap(([fingerprint, { step, by }]) =>
      by.filter(({ wasKilled }) => !wasKilled).length <= 1 ||
      !this.#committed.has(fingerprint) ||
      this.#replaced.has(fingerprint) ||
      this.#story.wasCancelled(fingerprint)
        ? []
        : [`F4 ${step} is executed ${by.length} times: ${this.#story.tellStarts(fingerprint)}`],
    );
  }

  /** How a task ended for a run. */
  ended(
    run: string,
    plan: StepPlan,
    { fingerprint, replace, at }: { fingerprint: Fingerprint; replace: boolean; at: number },
    outcome: AttemptOutcome,
  ): void {
    const what = outcome.ok ? 'succeeded' : outcome.failure.reason;
    this.#timeline.note(run, `${plan.name} ${what}`);
    const wrong = this.#wrongEnd(plan, fingerprint, outcome, replace ? at : 0);
    if (wrong !== undefined) this.#violation(`F5 ${plan.name} of ${run} ${wrong}`);
  }

  /** @param since what was given before is not what was asked for */
  #wrongEnd(
    plan: StepPlan,
    fingerprint: Fingerprint,
    outcome: AttemptOutcome,
    since: number,
  ): string | undefined {
    if (outcome.ok) {
      if (plan.ends !== 'well') return 'ends well';
      const at = this.#committed.get(fingerprint)?.get(JSON.stringify(outcome.outputs));
      if (at === undefined) return 'is given what the shared store never had';
      return at >= since ? undefined : 'is given what was there before, though it was to be made anew';
    }
    const { failure } = outcome;
    switch (failure.reason) {
      case 'exited':
        return plan.ends === 'badly' ? undefined : 'fails';
      case 'poison':
        return plan.ends === 'kills' || this.#story.isPoison(fingerprint)
          ? undefined
          : `is taken for poison, started ${this.#story.tellStarts(fingerprint)}`;
      case 'infra':
        // What it gave was lost, and what it gave then was lost as well.
        if (this.#story.injuriesOf(plan.name) >= 2) return undefined;
        return `fails: ${failure.detail}`;
      default:
        return `fails: ${failure.reason}`;
    }
  }

  /** The result of a task was whole when a process did that, and is so still. */
  #wasWhole(fingerprint: Fingerprint, did: ReadonlyMap<string, number>, by: SimProcess): boolean {
    const since = this.#wholeSince(fingerprint);
    const at = did.get(`${by.name} ${fingerprint}`);
    return since !== undefined && at !== undefined && since < at;
  }

  #stepOf(fingerprint: Fingerprint): string {
    return this.#executions.get(fingerprint)?.step ?? `${fingerprint.slice(0, 6)}…`;
  }

  #violation(text: string): void {
    this.violations.push(text);
  }
}

function bytesOf({ outputs }: Result): string {
  return JSON.stringify(outputs);
}

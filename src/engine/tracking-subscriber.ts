import type { RunEvent, RunFinished } from '../core/events.ts';
import type { Digest } from '../core/ids.ts';
import type { OutputKind } from '../core/kinds.ts';
import { isKeptArtifact } from './kept-artifacts.ts';
import { type EndOfRun, RunTracker } from './run-tracker.ts';
import { type TrackedPlan, trackedRunId } from './tracked-plan.ts';
import { fitTag } from './tracking-limits.ts';
import type { KeyValue, TrackedRunWrite, Tracking, TrackingBatch } from './tracking-port.ts';

const GATHER_MS = 250;

export interface TrackingSubject extends Pick<EndOfRun, 'reportOf' | 'storeBytes'> {
  readonly run: string;
  readonly plan: TrackedPlan;
  /** Called before the first step is executed: what a later command needs to finish the tracking of this run. */
  readonly keepPlan: (plan: TrackedPlan) => void;
  /** Keeps gc from what a tracked run shows; called before the rows that name it are written. */
  readonly pin: (blobs: readonly { digest: Digest; kind: OutputKind }[]) => Promise<void>;
  /** Told of what could not be written; the run goes on. */
  readonly onFailure: (error: Error) => void;
  /** Events up to this number were tracked before: their writes are left out. */
  readonly from?: number;
}

/**
 * Writes a run's events into tracking, never ahead of the journal: a command that finds the run cut off
 * replays the journal from the cursor, and what tracking knows the journal must know too.
 */
export class TrackingSubscriber {
  readonly #tracking: Tracking;
  readonly #subject: TrackingSubject;
  readonly #tracker: RunTracker;
  readonly #id: string;
  #pending: TrackedRunWrite[] = [];
  #late: TrackedRunWrite | undefined;
  #finished: RunFinished | undefined;
  #hasEnded = false;
  #isComplete = false;
  /** What could not be written goes along with the next write. */
  #unwritten: readonly TrackedRunWrite[] = [];
  readonly #problems = new Set<string>();
  #seq = 0;
  #at = 0;
  #writtenAt = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(tracking: Tracking, subject: TrackingSubject) {
    this.#tracking = tracking;
    this.#subject = subject;
    this.#tracker = new RunTracker(subject.run, subject.plan);
    this.#id = trackedRunId(subject.run);
  }

  readonly take = (event: RunEvent): void => {
    if (event.type === 'step.started' && !this.#tracker.hasExecuted)
      this.#subject.keepPlan(this.#subject.plan);
    const writes = this.#tracker.take(event);
    this.#seq = event.seq;
    this.#at = event.at;
    if (event.seq <= (this.#subject.from ?? 0)) return;
    this.#pending.push(...writes);
    if (event.type === 'run.finished') this.#finished = event;
  };

  /** All events so far are in the journal. Writes are gathered for a moment: a synced transaction costs more than a small step. */
  readonly journaled = (): void => {
    const isDue = this.#pending.length > 0 && this.#at - this.#writtenAt >= GATHER_MS;
    if (isDue || this.#finished !== undefined) this.#flush();
  };

  /** Writes the run itself now, for others to name it; fails as that write does. */
  readonly announce = async (): Promise<void> => {
    const { experiment } = this.#subject.plan;
    const written = this.#last.then(() => this.#tracking.write({ experiment, runs: [this.#tracker.parent] }));
    this.#last = written.catch(() => undefined);
    await written;
  };

  /** Tags of the run that are known only after it has begun. */
  tag(tags: readonly KeyValue[]): void {
    const write = { id: this.#id, tags: tags.map(fitTag) };
    if (tags.length === 0) return;
    if (this.#hasEnded) this.#write([write]);
    else if (this.#tracker.hasExecuted) this.#pending.push(write);
    else this.#late = write;
  }

  /** Resolves once everything is written, or was given up; gives whether all of a finished run is written. */
  async settled(): Promise<boolean> {
    await this.#last;
    return this.#isComplete;
  }

  #flush(): void {
    const runs = this.#pending;
    const finished = this.#finished;
    this.#pending = [];
    this.#finished = undefined;
    this.#hasEnded ||= finished !== undefined;
    this.#writtenAt = this.#at;
    const cursor = { run: this.#id, seq: this.#seq };
    this.#write(runs, { cursor, ...(finished === undefined ? {} : { end: () => this.#end(finished) }) });
  }

  async #end(finished: RunFinished): Promise<TrackedRunWrite[]> {
    const { reportOf, storeBytes } = this.#subject;
    const unseen = await this.#tracking.unseen(this.#tracker.cachedFingerprints);
    const runs = this.#tracker.end(finished, { unseen, reportOf, storeBytes });
    return this.#late === undefined ? runs : [...runs, this.#late];
  }

  #write(
    runs: readonly TrackedRunWrite[],
    { cursor, end }: Pick<TrackingBatch, 'cursor'> & { end?: () => Promise<readonly TrackedRunWrite[]> } = {},
  ): void {
    const { experiment } = this.#subject.plan;
    const before = this.#last;
    this.#last = (async (): Promise<void> => {
      await before;
      const known = [...this.#unwritten, ...runs];
      try {
        const all = [...known, ...(end === undefined ? [] : await end())];
        await this.#subject.pin(all.flatMap(({ artifacts = [] }) => artifacts.filter(isKeptArtifact)));
        await this.#tracking.write({
          experiment,
          runs: all,
          ...(cursor === undefined ? {} : { cursor }),
        });
        this.#unwritten = [];
        this.#isComplete ||= end !== undefined;
      } catch (error) {
        this.#unwritten = known;
        this.#complain(error instanceof Error ? error : new Error(String(error)));
      }
    })();
  }

  #complain(error: Error): void {
    if (this.#problems.has(error.message)) return;
    this.#problems.add(error.message);
    this.#subject.onFailure(error);
  }
}

import { join } from 'node:path';
import type { Plan } from '../core/plan.ts';
import { pinTracked } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import { readJournal } from './read-journal.ts';
import { readReport } from './read-report.ts';
import { replayTracking } from './replay-tracking.ts';
import { gitTags, projectName, runTags } from './run-tags.ts';
import { keepTrackedPlan, readTrackedPlan, trackedPlanOf } from './tracked-plan.ts';
import type { Tracking } from './tracking-port.ts';
import { type TrackingSubject, TrackingSubscriber } from './tracking-subscriber.ts';

export interface RunTrackingOptions {
  readonly store: Store;
  readonly home: string;
  readonly projectDir: string;
  readonly tracking: () => Tracking;
  /** Who runs it, if that is known. */
  readonly user: string | undefined;
}

/** Tracks the runs of a project: those of this process, and those that another one left unfinished. */
export class RunTracking {
  readonly #options: RunTrackingOptions;

  constructor(options: RunTrackingOptions) {
    this.#options = options;
  }

  /** Tracks a run that begins. */
  follow(run: string, plan: Plan, onFailure: (error: Error) => void): TrackingSubscriber {
    const { tracking, projectDir, user } = this.#options;
    return new TrackingSubscriber(tracking(), {
      ...this.#subject(run, onFailure),
      plan: trackedPlanOf(plan, {
        experiment: plan.experiment ?? this.#experiment(plan.recipe),
        tags: [...runTags(plan, user), ...gitTags(projectDir)],
      }),
      keepPlan: (kept) => keepTrackedPlan(this.#dir(run), kept),
    });
  }

  /** Writes what the journal of a run that was cut off knows and tracking does not. */
  async settle(run: string, now: number): Promise<void> {
    const events = readJournal(this.#options.home, run);
    const started = events.find((event) => event.type === 'run.started');
    if (started === undefined) return;
    const plan = readTrackedPlan(this.#dir(run), started, this.#experiment(started.recipe));
    const subject = this.#subject(run, (error) => {
      throw error;
    });
    await replayTracking(this.#options.tracking(), { ...subject, plan }, events, now);
  }

  #subject(
    run: string,
    onFailure: (error: Error) => void,
  ): Pick<TrackingSubject, 'run' | 'reportOf' | 'storeBytes' | 'pin' | 'onFailure'> {
    const { store, home } = this.#options;
    return {
      run,
      onFailure,
      reportOf: (fingerprint) => readReport(store, fingerprint),
      storeBytes: (bytes) => store.blobs.putBytes(bytes),
      pin: (blobs) => pinTracked(store, home, blobs),
    };
  }

  #dir(run: string): string {
    return join(this.#options.home, 'runs', run);
  }

  #experiment(recipe: string): string {
    return `${projectName(this.#options.projectDir)}/${recipe}`;
  }
}

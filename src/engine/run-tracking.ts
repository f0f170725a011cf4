import { join } from 'node:path';
import type { Plan } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { pinTracked } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import { readJournal } from './read-journal.ts';
import { readReport } from './read-report.ts';
import { replayTracking } from './replay-tracking.ts';
import { gitTags, projectName, runTags } from './run-tags.ts';
import { keepTrackedPlan, readTrackedPlan, trackedPlanOf, trackedRunId } from './tracked-plan.ts';
import type { Tracking } from './tracking-port.ts';
import { type TrackingSubject, TrackingSubscriber } from './tracking-subscriber.ts';

export interface RunTrackingOptions {
  readonly store: Store;
  readonly home: string;
  readonly projectDir: string;
  /** At the place of that name; undefined is the home. */
  readonly tracking: (place: string | undefined) => Promise<Tracking>;
  /** Runs work while no other process works on the same: a server cannot tell two writers of a run apart. */
  readonly alone: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** Who runs it, if that is known. */
  readonly user: string | undefined;
}

/** Tracks the runs of a project: those of this process, and those that another one left unfinished. */
export class RunTracking {
  readonly #options: RunTrackingOptions;

  constructor(options: RunTrackingOptions) {
    this.#options = options;
  }

  /** Tracks a run that begins, at the place of a name. */
  async follow(
    { run, plan, place }: { run: string; plan: Plan; place: string | undefined },
    onFailure: (error: Error) => void,
  ): Promise<TrackingSubscriber> {
    const { tracking, projectDir, user } = this.#options;
    const tracked = trackedPlanOf(plan, {
      experiment: plan.experiment ?? this.#experiment(plan.recipe),
      tags: [...runTags(plan, user), ...gitTags(projectDir)],
      ...(place === undefined ? {} : { place }),
    });
    const keepPlan = (): void => keepTrackedPlan(this.#dir(run), tracked);
    // Whoever finishes the tracking of this run must know where.
    if (place !== undefined) keepPlan();
    return new TrackingSubscriber(await tracking(place), {
      ...this.#subject(run, onFailure),
      plan: tracked,
      keepPlan,
    });
  }

  /**
   * Writes what the journal of a run that was cut off knows and tracking does not. Gives whether it is
   * written: a place out of reach is warned of, and left to a later command.
   */
  async settle(run: string, now: number, onWarning: (message: string) => void): Promise<boolean> {
    const events = readJournal(this.#options.home, run);
    const started = events.find((event) => event.type === 'run.started');
    if (started === undefined) return true;
    const plan = readTrackedPlan(this.#dir(run), started, this.#experiment(started.recipe));
    const subject = this.#subject(run, (error) => {
      throw error;
    });
    const replay = async (): Promise<void> => {
      const tracking = await this.#options.tracking(plan.place);
      try {
        await replayTracking(tracking, { ...subject, plan }, events, now);
      } catch (error) {
        if (!(error instanceof RecipeError) || error.code !== 'TRACKED_RUN_DELETED') throw error;
        // Somebody wants to see no more of it.
        await tracking.endOpen(trackedRunId(run), now);
      }
    };
    try {
      await (plan.place === undefined ? replay() : this.#options.alone(`settle ${run}`, replay));
      return true;
    } catch (error) {
      if (plan.place === undefined || !(error instanceof RecipeError)) throw error;
      onWarning(`tracking of the run ${run} is not complete: ${error.message}`);
      return false;
    }
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

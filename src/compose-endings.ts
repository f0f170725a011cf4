import type { ScheduleDesk } from './compose-schedules.ts';
import type { AfterRule, FollowedValue, ScheduleRules } from './core/schedule-rules.ts';
import type { Clock } from './core/world.ts';
import { type EndedRun, EndedRuns, outputsOf } from './engine/ended-runs.ts';
import { type Followed, followedValue } from './engine/followed-value.ts';
import { addEndTicks, endsWithoutTick, type FollowedEnd } from './ledger/end-ticks.ts';
import type { Schedule } from './ledger/schedules.ts';
import { readSubmissionEvents } from './ledger/submission-events.ts';
import { submittedAmong, succeededSubmissions } from './ledger/submissions.ts';
import { forceTick, holdSchedule } from './ledger/ticks.ts';
import { refuseLargeBackfill } from './schedule/backfill-limit.ts';
import { dueEnds, oldestDue } from './schedule/due.ts';

/** What came of a backfill. */
export interface Backfilled {
  /** How many instants or ends there were. */
  readonly found: number;
  /** How many ticks were added for them. */
  readonly added: number;
  /** How many have none because theirs may have been forgotten. */
  readonly forgotten: number;
}

/** A schedule whose rhythm is that of another recipe. */
export type Follower = Schedule & { readonly settings: { readonly when: AfterRule } };

export function isFollower(schedule: Schedule): schedule is Follower {
  return schedule.settings.when.kind === 'after';
}

export interface EndingsRequest {
  /** That of this machine, by which the journals of its runs are written. */
  readonly clock: Pick<Clock, 'now'>;
  readonly onWarning: (message: string) => void;
}

/** Makes ticks of the ends of runs that schedules follow: submitted ones, and those whose journal lies in the project's home. */
export class Endings {
  readonly #schedules: ScheduleDesk;
  readonly #clock: EndingsRequest['clock'];
  readonly #onWarning: (message: string) => void;
  readonly #runs: EndedRuns;
  /** By schedule as it was applied, and run. */
  readonly #values = new Map<string, Followed>();
  /** When runs ended by the ledger's clock, as it seemed when they were first seen to have. */
  readonly #endedAt = new Map<string, number>();
  /** Before the journals of runs of a recipe were last looked at, by the ledger's clock. */
  readonly #lookedAt = new Map<string, number>();

  constructor(schedules: ScheduleDesk, { clock, onWarning }: EndingsRequest) {
    this.#schedules = schedules;
    this.#clock = clock;
    this.#onWarning = onWarning;
    this.#runs = new EndedRuns(schedules.project.home);
  }

  /** Writes the ticks down whose time it is. Gives when to look again; undefined: when something ends. */
  async look(schedule: Follower, now: number): Promise<number | undefined> {
    const { ledger } = this.#schedules;
    const { id, settings, cursor } = schedule;
    const rules = { onlyChanges: isForChanges(settings.when) };
    const from = Math.max(cursor, oldestDue(settings, now));
    const ends = await this.#endsOf(schedule, from, Infinity);
    // Mostly there is none, and a read takes no lock.
    if ((await ledger.read((sql) => endsWithoutTick(sql, id, ends, rules))).length === 0) return undefined;
    return ledger.write(async (sql) => {
      const held = await holdSchedule(sql, id);
      if (held === undefined || held.isPaused) return undefined;
      const later = ends.filter(({ at }) => at > held.cursor);
      const due = dueEnds(settings, { schedule: id, now }, await endsWithoutTick(sql, id, later, rules));
      const offer = { schedule: id, overlap: settings.overlap };
      const leftOut = `it was missed, and catch_up: ${settings.catchUp} leaves it out`;
      await addEndTicks(sql, due.leftOut, { ...offer, cause: 'caught-up', leftOut });
      await addEndTicks(sql, due.caughtUp, { ...offer, cause: 'caught-up' });
      await addEndTicks(sql, due.onTime, { ...offer, cause: 'after' });
      return due.wakeAt;
    });
  }

  /**
   * A tick for each end from one instant to another that has none; with `force` one more for each.
   *
   * @throws RecipeError BACKFILL_TOO_LARGE
   */
  async backfill(
    schedule: Follower,
    { from, to, force }: { readonly from: number; readonly to: number; readonly force: boolean },
  ): Promise<Backfilled> {
    const { id, settings } = schedule;
    const ends = await this.#endsOf(schedule, from - 1, to);
    refuseLargeBackfill(ends.map(({ at }) => at).toSorted((a, b) => a - b));
    const rules = { onlyChanges: isForChanges(settings.when) };
    const tick = { schedule: id, cause: 'backfill' } as const;
    return this.#schedules.ledger.write(async (sql) => {
      const held = await holdSchedule(sql, id);
      const fresh = await endsWithoutTick(sql, id, ends, rules);
      const found = force ? fresh : fresh.filter(({ at }) => held?.isForgotten(at) !== true);
      const again = ends.filter((end) => !found.includes(end));
      await addEndTicks(sql, found, { ...tick, overlap: settings.overlap });
      if (force) for (const { at } of again) await forceTick(sql, { ...tick, nominal: at });
      const forgotten = fresh.length - found.length;
      return { found: ends.length, added: force ? ends.length : found.length, forgotten };
    });
  }

  async #endsOf(schedule: Follower, after: number, to: number): Promise<FollowedEnd[]> {
    const { when } = schedule.settings;
    const { start = -Infinity, end = Infinity }: ScheduleRules = schedule.settings;
    const found: FollowedEnd[] = [];
    for (const ended of await this.#endedRuns(when.recipe, Math.max(after, start - 1))) {
      const { run, at } = ended;
      if (at > Math.min(end, to)) continue;
      const value = when.value === undefined ? undefined : await this.#followed(schedule, ended, when.value);
      if (when.value === undefined || value !== undefined) found.push({ run, at, value });
    }
    return found;
  }

  /**
   * Of submitted runs what the ledger says, wherever they were driven: the journals of a driver are of other projects,
   * too, and of runs that it lost.
   */
  async #endedRuns(recipe: string, after: number): Promise<Ended[]> {
    const { ledger, project } = this.#schedules;
    const journaled = (await this.#journaled(recipe))
      .filter(({ at }) => at > after)
      .flatMap(({ run, at }) => {
        const whole = this.#runs.read(run);
        return whole === undefined ? [] : [{ run, at, outputs: whole.outputs }];
      });
    return ledger.read(async (sql) => {
      const submitted = await submittedAmong(
        sql,
        journaled.map(({ run }) => run),
      );
      const own = journaled.filter(({ run }) => !submitted.has(run));
      const ended = (await succeededSubmissions(sql, project.dir, after)).filter(
        ({ settings }) =>
          settings.recipe === recipe && Object.values(settings.selection).every((one) => one === undefined),
      );
      return [
        ...own.map(({ run, at, outputs }) => ({ run, at, outputs: async () => outputs })),
        ...ended.map(({ id, epoch, run, endedAt }) => ({
          run: run ?? id,
          at: endedAt ?? 0,
          outputs: async () => this.#outputsOf(id, epoch),
        })),
      ];
    });
  }

  /**
   * Runs whose journal says that they have ended, and when by the ledger's clock. That of this machine may be wrong, or
   * was when it ran them: no run has ended later than it is seen to have, nor before it was last seen to go on.
   */
  async #journaled(recipe: string): Promise<Pick<EndedRun, 'run' | 'at'>[]> {
    const before = await this.#time();
    const found = this.#runs.of(recipe);
    const isNew = ({ run }: Pick<EndedRun, 'run'>): boolean => !this.#endedAt.has(run);
    if (found.some(isNew)) {
      const { now, ahead } = await this.#time();
      const notBefore = this.#lookedAt.get(recipe) ?? -Infinity;
      for (const { run, at } of found.filter(isNew))
        this.#endedAt.set(run, Math.min(now, Math.max(notBefore, at - ahead)));
    }
    this.#lookedAt.set(recipe, before.now);
    return found.map(({ run, at }) => ({ run, at: this.#endedAt.get(run) ?? at }));
  }

  /** That of the ledger, and by how much this machine's clock is surely ahead of it. */
  async #time(): Promise<{ readonly now: number; readonly ahead: number }> {
    return this.#schedules.ledger.read(async (sql) => {
      const before = this.#clock.now();
      const now = await this.#schedules.now(sql);
      const after = this.#clock.now();
      return { now, ahead: Math.max(0, before - now) + Math.min(0, after - now) };
    });
  }

  async #outputsOf(submission: string, epoch: number): Promise<EndedRun['outputs']> {
    const found = await this.#schedules.ledger.read((sql) =>
      readSubmissionEvents(sql, submission, { epoch, seq: 0 }, Number.MAX_SAFE_INTEGER),
    );
    return outputsOf(found.map(({ event }) => event));
  }

  /** Undefined: it starts nothing. */
  async #followed(
    { id, name, appliedAt, settings }: Follower,
    { run, outputs }: Ended,
    value: FollowedValue,
  ): Promise<string | undefined> {
    const key = `${id} ${appliedAt} ${run}`;
    let found = this.#values.get(key);
    if (found === undefined) {
      found = followedValue(await outputs(), value, this.#schedules.project.store);
      this.#values.set(key, found);
      if (found.kind === 'problem')
        this.#onWarning(
          `${name} follows ${settings.when.recipe}, whose run ${run} starts nothing: ${found.problem}`,
        );
    }
    return found.kind === 'match' ? found.value : undefined;
  }
}

interface Ended extends Pick<EndedRun, 'run' | 'at'> {
  readonly outputs: () => Promise<EndedRun['outputs']>;
}

function isForChanges({ value }: AfterRule): boolean {
  return value !== undefined && value.equals === undefined;
}

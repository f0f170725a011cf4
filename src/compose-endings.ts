import type { Schedules } from './compose-schedules.ts';
import type { AfterRule, ScheduleRules } from './core/schedule-rules.ts';
import { type EndedRun, EndedRuns } from './engine/ended-runs.ts';
import { type Followed, followedValue } from './engine/followed-value.ts';
import { addEndTicks, endsWithoutTick, type FollowedEnd } from './ledger/end-ticks.ts';
import type { Schedule } from './ledger/schedules.ts';
import { forceTick, holdSchedule } from './ledger/ticks.ts';
import { dueEnds, oldestDue } from './schedule/due.ts';

/** A schedule whose rhythm is that of another recipe. */
export type Follower = Schedule & { readonly settings: { readonly when: AfterRule } };

export function isFollower(schedule: Schedule): schedule is Follower {
  return schedule.settings.when.kind === 'after';
}

/** Makes ticks of the ends of runs that schedules follow: those whose journal lies in the project's home. */
export class Endings {
  readonly #schedules: Pick<Schedules, 'ledger' | 'project'>;
  readonly #onWarning: (message: string) => void;
  readonly #runs: EndedRuns;
  /** By schedule as it was applied, and run. */
  readonly #values = new Map<string, Followed>();

  constructor(schedules: Pick<Schedules, 'ledger' | 'project'>, onWarning: (message: string) => void) {
    this.#schedules = schedules;
    this.#onWarning = onWarning;
    this.#runs = new EndedRuns(schedules.project.home);
  }

  /** Writes the ticks down whose time it is. Gives when to look again; undefined: when something ends. */
  async look(schedule: Follower, now: number): Promise<number | undefined> {
    const { ledger } = this.#schedules;
    const { id, settings, cursor } = schedule;
    const rules = { onlyChanges: isForChanges(settings.when) };
    const from = Math.max(cursor, oldestDue(settings, now));
    const ends = this.#endsOf(schedule, from, Infinity);
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

  /** A tick for each end from one instant to another that has none; with `force` one more for each. */
  async backfill(
    schedule: Follower,
    { from, to, force }: { readonly from: number; readonly to: number; readonly force: boolean },
  ): Promise<void> {
    const { id, settings } = schedule;
    const ends = this.#endsOf(schedule, from - 1, to);
    const rules = { onlyChanges: isForChanges(settings.when) };
    const tick = { schedule: id, cause: 'backfill' } as const;
    await this.#schedules.ledger.write(async (sql) => {
      await holdSchedule(sql, id);
      const found = await endsWithoutTick(sql, id, ends, rules);
      const again = ends.filter((end) => !found.includes(end));
      await addEndTicks(sql, found, { ...tick, overlap: settings.overlap });
      if (force) for (const { at } of again) await forceTick(sql, { ...tick, nominal: at });
    });
  }

  #endsOf({ id, name, appliedAt, settings }: Follower, after: number, to: number): FollowedEnd[] {
    const { start = -Infinity, end = Infinity }: ScheduleRules = settings;
    return this.#runs.of(settings.when.recipe, Math.max(after, start - 1)).flatMap((run) => {
      if (run.at > Math.min(end, to)) return [];
      const followed = this.#followed(`${id} ${appliedAt} ${run.run}`, run, settings.when, name);
      return followed.kind === 'match' ? [{ run: run.run, at: run.at, value: followed.value }] : [];
    });
  }

  #followed(key: string, run: EndedRun, { recipe, value }: AfterRule, name: string): Followed | NoValue {
    if (value === undefined) return { kind: 'match', value: undefined };
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const found = followedValue(run, value, this.#schedules.project.store);
    this.#values.set(key, found);
    if (found.kind === 'problem')
      this.#onWarning(`${name} follows ${recipe}, whose run ${run.run} starts nothing: ${found.problem}`);
    return found;
  }
}

interface NoValue {
  readonly kind: 'match';
  readonly value: undefined;
}

function isForChanges({ value }: AfterRule): boolean {
  return value !== undefined && value.equals === undefined;
}

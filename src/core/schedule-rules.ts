import type { Json } from './json.ts';

/** When a schedule ticks: as a profile's `schedule:` says it. Durations in milliseconds, instants since the Unix epoch. */
export interface ScheduleRules {
  readonly when: Rhythm;
  /** No tick before this instant. */
  readonly start?: number;
  /** No tick after this instant. */
  readonly end?: number;
  /** A tick is started up to this much after its nominal instant; how much is fixed for each tick. */
  readonly jitterMs: number;
  /** What happens to a tick while the run of an earlier one goes on. */
  readonly overlap: 'skip' | 'queue-one' | 'allow';
  /** How many runs go on at once where `overlap` allows it; absent: four. */
  readonly concurrency?: number;
  /** Which of the ticks that no scheduler was there for are run: none, the newest, or all. */
  readonly catchUp: 'none' | 'one' | 'all';
  /** Ticks that were missed longer ago than this are not run. */
  readonly windowMs: number;
}

const MOST_RUNS = 4;

/** How many runs of a schedule go on at once, whoever runs them. */
export function mostRuns({
  overlap,
  concurrency = MOST_RUNS,
}: Pick<ScheduleRules, 'overlap' | 'concurrency'>): number {
  return overlap === 'allow' ? concurrency : 1;
}

export type Rhythm =
  | { readonly kind: 'cron'; readonly cron: string; readonly timezone: string }
  | { readonly kind: 'every'; readonly everyMs: number }
  | AfterRule;

/** Not by the clock: each run of another recipe that succeeded is a tick, at the instant it ended. */
export interface AfterRule {
  readonly kind: 'after';
  /** Another recipe of the project, whatever profile it ran with. */
  readonly recipe: string;
  /** What decides whether an end starts anything; absent: each does. */
  readonly value?: FollowedValue;
}

/** A `value` output of the other recipe, or what lies in it below `keys`. */
export interface FollowedValue {
  readonly step: string;
  readonly output: string;
  readonly keys: readonly string[];
  /** It starts only what ends with this; absent: what ends with another value than the end before that started something. */
  readonly equals?: Json;
}

/** All that a profile's `schedule:` says. */
export interface ScheduleSettings extends ScheduleRules {
  /** A failed run pauses the schedule. */
  readonly pauseOnFailure: boolean;
  /** Steps whose inputs from outside decide whether a tick runs anything; none: every tick runs. */
  readonly onlyIfChanged: readonly string[];
}

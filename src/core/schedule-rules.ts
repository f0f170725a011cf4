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
  /** Which of the ticks that no scheduler was there for are run: none, the newest, or all. */
  readonly catchUp: 'none' | 'one' | 'all';
  /** Ticks that were missed longer ago than this are not run. */
  readonly windowMs: number;
}

export type Rhythm =
  | { readonly kind: 'cron'; readonly cron: string; readonly timezone: string }
  | { readonly kind: 'every'; readonly everyMs: number };

/** All that a profile's `schedule:` says. */
export interface ScheduleSettings extends ScheduleRules {
  /** A failed run pauses the schedule. */
  readonly pauseOnFailure: boolean;
  /** Steps whose inputs from outside decide whether a tick runs anything; none: every tick runs. */
  readonly onlyIfChanged: readonly string[];
}

import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { NewSchedule } from '../../src/ledger/schedules.ts';

/** A schedule as `apply` puts it into a ledger, named after its id: of every second, unless it is said otherwise. */
export function appliedSchedule(id: string, { settings, ...more }: AppliedSchedule = {}): NewSchedule {
  return {
    id,
    projectDir: '/p',
    name: `${id}@prod`,
    settings: { ...EVERY_SECOND, ...settings },
    snapshot: 's',
    appliedAt: 0,
    appliedBy: 'me',
    ...more,
  };
}

export interface AppliedSchedule extends Partial<Omit<NewSchedule, 'id' | 'settings'>> {
  readonly settings?: Partial<ScheduleSettings>;
}

const EVERY_SECOND: ScheduleSettings = {
  when: { kind: 'every', everyMs: 1000 },
  jitterMs: 0,
  overlap: 'skip',
  catchUp: 'one',
  windowMs: 1000,
  pauseOnFailure: false,
  onlyIfChanged: [],
};

import type { RunEvent } from '../core/events.ts';
import { describeFailure } from '../core/failure.ts';
import type { NotifyEvent } from '../core/notify-settings.ts';

/** What a tick's run says of itself to those who are told of it. */
export interface TickReport {
  /** Absent: it never came to a run. */
  run?: string;
  /** The first that failed, or the one that gave the verdict. */
  step?: string;
  /** `reason` as in `step.failed`; `refused`: the run could not begin; `interrupted`: it came to no end. */
  failure?: { readonly reason: string; readonly message: string };
  verdict?: string;
}

/** Finds out which step of a run failed first, and why. */
export function collectFailure(report: TickReport): (event: RunEvent) => void {
  return (event) => {
    if (event.type !== 'step.failed' || report.failure !== undefined) return;
    report.step = event.step;
    report.failure = { reason: event.failure.reason, message: describeFailure(event.failure) };
  };
}

/** Of a tick whose scheduler died or was told to end: that its steps were stopped is no fault of theirs. */
export function interruptedReport(run: string | undefined, message: string): TickReport {
  return { ...(run === undefined ? {} : { run }), failure: { reason: 'interrupted', message } };
}

export interface Told {
  readonly id: string;
  readonly event: NotifyEvent;
  readonly recipe: string;
  readonly profile: string;
  readonly schedule: string;
  /** Milliseconds since the Unix epoch. */
  readonly nominal: number;
  readonly report: TickReport;
}

/** The message of a notification, as `docs/schedules.md` describes it. */
export function notificationMessage({ id, event, recipe, profile, schedule, nominal, report }: Told): string {
  const { run, step, failure, verdict } = report;
  const tick = new Date(nominal).toISOString();
  return JSON.stringify({ id, event, recipe, profile, schedule, tick, run, step, failure, verdict });
}

/** What there is to tell of a tick that ended so, if its schedule's last run before it `hadFailed`. */
export function eventOfTick(state: string, hadFailed: boolean): NotifyEvent | undefined {
  // Whoever waits for its model waits in vain, whyever it did not come.
  if (state === 'interrupted') return 'failed';
  if (state === 'failed' || state === 'rejected') return state;
  return state === 'succeeded' && hadFailed ? 'recovered' : undefined;
}

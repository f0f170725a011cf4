import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { Endings, isFollower } from './compose-endings.ts';
import type { Surroundings } from './compose-home.ts';
import { Notifier } from './compose-notifier.ts';
import type { AppliedSettings, Schedules } from './compose-schedules.ts';
import { snapshotDir } from './compose-snapshot.ts';
import { TICKS_FOLDER, type TickRun } from './compose-ticks.ts';
import { failpoint } from './core/failpoint.ts';
import { NOTIFY_CHANNELS, type NotifyEvent } from './core/notify-settings.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { Sql } from './db/sql.ts';
import { addNotification } from './ledger/notifications.ts';
import { pauseSchedule, type Schedule, setHealth } from './ledger/schedules.ts';
import {
  claimTick,
  closeLapsed,
  endTick,
  hadFailed,
  offerTicks,
  renewTick,
  type Tick,
  type TickEnd,
} from './ledger/ticks.ts';
import { dueTicks } from './schedule/due.ts';
import { eventOfTick, notificationMessage, type TickReport } from './schedule/tick-report.ts';

/** Another scheduler takes over what was not renewed for so long. */
const LEASE_MS = 60_000;
const RENEW_MS = LEASE_MS / 3;
/** Other processes apply, pause and ask for runs: they are seen after this time. */
const LOOK_MS = 2000;

/** What a scheduler has, whatever its ticks run. */
export interface SchedulerPlace {
  readonly schedules: Pick<Schedules, 'ledger' | 'project' | 'list'>;
  readonly surroundings: Surroundings;
  readonly run: (tick: TickRun) => Promise<TickEnd>;
}

export interface SchedulerRequest {
  /** Ends it: runs are stopped, and their ticks closed as interrupted. */
  readonly signal: AbortSignal;
  readonly onEvent: (schedule: Schedule, tick: Tick, end: TickEnd | undefined) => void;
  readonly onWarning: (message: string) => void;
}

interface EndedTick {
  readonly schedule: Schedule;
  readonly tick: Tick;
  readonly event: NotifyEvent;
  readonly report: TickReport;
  readonly at: number;
}

/** Runs the ticks of a project's schedules as they fall due. Any number may do so at once: a tick has one run. */
export class Scheduler {
  readonly #schedules: SchedulerPlace['schedules'];
  readonly #surroundings: Surroundings;
  readonly #run: SchedulerPlace['run'];
  readonly #request: SchedulerRequest;
  readonly #running = new Set<Promise<void>>();
  readonly #notifier: Notifier;
  readonly #endings: Endings;

  constructor({ schedules, surroundings, run }: SchedulerPlace, request: SchedulerRequest) {
    this.#schedules = schedules;
    this.#run = run;
    this.#surroundings = surroundings;
    this.#request = request;
    this.#endings = new Endings(schedules, request.onWarning);
    this.#notifier = new Notifier(schedules, surroundings, request.onWarning);
  }

  /** Until the signal says so. */
  async serve(): Promise<void> {
    const { signal } = this.#request;
    try {
      while (!signal.aborted) {
        const wakeAt = await this.look();
        const wait = Math.max(0, Math.min(LOOK_MS, wakeAt - this.#now()));
        await this.#surroundings.world.clock.sleep(wait, signal).catch(ignore);
      }
    } finally {
      await this.settled();
      await this.#notifier.stop();
    }
  }

  /** Starts what is due now. Gives when the next tick is. */
  async look(): Promise<number> {
    let wakeAt = Infinity;
    for (const schedule of await this.#schedules.list())
      wakeAt = Math.min(wakeAt, await this.#lookAt(schedule));
    await this.#notifier.look();
    return wakeAt;
  }

  /** Resolves when nothing that was started runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Runs whatever of a schedule waits, one after another, until nothing does. */
  async drain(schedule: Schedule): Promise<void> {
    while (!this.#request.signal.aborted && (await this.#claim(schedule))) await this.settled();
  }

  /** Tells what is to be told now, and waits until it is known what became of it. */
  async notified(): Promise<void> {
    await this.#notifier.drain();
  }

  async #lookAt(schedule: Schedule): Promise<number> {
    const { ledger } = this.#schedules;
    const { id, settings, cursor } = schedule;
    const now = this.#now();
    for (const tick of await ledger.write((sql) => closeLapsed(sql, id, now))) {
      this.#request.onEvent(schedule, tick, { state: 'interrupted', at: now, note: 'its scheduler died' });
      rmSync(snapshotDir(this.#schedules.project, TICKS_FOLDER, tick.run ?? ''), {
        recursive: true,
        force: true,
      });
    }
    let wakeAt: number | undefined;
    if (schedule.paused === undefined && isFollower(schedule))
      wakeAt = await this.#endings.look(schedule, now);
    else if (schedule.paused === undefined) {
      const due = dueTicks(settings, { schedule: id, cursor, now });
      ({ wakeAt } = due);
      const offer = { schedule: id, overlap: settings.overlap, cursor: due.cursor };
      // The cursor stays where it is while nothing falls due.
      if (due.cursor > cursor)
        await ledger.write(async (sql) => {
          await offerTicks(sql, { ...offer, cause: 'caught-up', instants: due.caughtUp });
          await offerTicks(sql, { ...offer, cause: 'clock', instants: due.onTime });
        });
    }
    while (await this.#claim(schedule));
    return wakeAt ?? Infinity;
  }

  /** Takes a tick that waits and starts its run. False: there is none. */
  async #claim(schedule: Schedule): Promise<boolean> {
    const claim = {
      schedule: schedule.id,
      overlap: schedule.settings.overlap,
      by: `${hostname()} ${this.#surroundings.pid}`,
      leaseUntil: this.#now() + LEASE_MS,
    };
    const tick = await this.#schedules.ledger.write((sql) => claimTick(sql, claim));
    if (tick === undefined) return false;
    const done = this.#execute(schedule, tick)
      // The ledger cannot be written: the lease lapses, and whoever looks next closes the tick.
      .catch((error: unknown) => {
        const note = `its end could not be written down: ${String(error)}`;
        this.#request.onEvent(schedule, tick, { state: 'interrupted', at: this.#now(), note });
      })
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
    return true;
  }

  async #execute(schedule: Schedule, tick: Tick): Promise<void> {
    const { ledger } = this.#schedules;
    const lost = new AbortController();
    const over = new AbortController();
    this.#request.onEvent(schedule, tick, undefined);
    const renewing = this.#renew(tick, lost, over.signal);
    const report: TickReport = {};
    const end = await this.#end(schedule, tick, report, AbortSignal.any([this.#request.signal, lost.signal]));
    over.abort();
    await renewing;
    const isOurs = await ledger.write(async (sql) => {
      const event = eventOfTick(end.state, await hadFailed(sql, schedule.id));
      if (!(await endTick(sql, tick, end))) return false;
      const { state } = end;
      if (state === 'failed' || state === 'rejected' || state === 'succeeded')
        await setHealth(sql, schedule.id, state === 'succeeded' ? 'ok' : state);
      if (end.state === 'failed' && schedule.settings.pauseOnFailure)
        await pauseSchedule(sql, schedule.id, { at: end.at, because: 'a run failed' });
      if (event !== undefined)
        await this.#addNotification(sql, { schedule, tick, event, report, at: end.at });
      failpoint('tick.before-commit');
      return true;
    });
    failpoint('tick.after-commit');
    if (!isOurs) return;
    this.#request.onEvent(schedule, tick, end);
    await this.#notifier.look();
  }

  async #addNotification(sql: Sql, { schedule, tick, event, report, at }: EndedTick): Promise<void> {
    const { applied, notify } = schedule.settings as AppliedSettings;
    if (notify === undefined || !notify.on.includes(event)) return;
    const { recipe, profile } = applied;
    const id = randomUUID();
    await addNotification(sql, tick, {
      id,
      event,
      message: notificationMessage({
        id,
        event,
        recipe,
        profile,
        schedule: schedule.name,
        nominal: tick.nominal,
        report,
      }),
      channels: NOTIFY_CHANNELS.filter((channel) => notify[channel] !== undefined),
      at,
    });
  }

  /** Never rejects: whatever goes wrong is how the tick ended. */
  async #end(schedule: Schedule, tick: Tick, report: TickReport, signal: AbortSignal): Promise<TickEnd> {
    try {
      return await this.#run({ schedule, tick, report, signal });
    } catch (error) {
      const note = error instanceof RecipeError ? `${error.code}: ${error.message}` : String(error);
      report.failure = { reason: 'refused', message: note };
      return { state: signal.aborted ? 'interrupted' : 'failed', at: this.#now(), note };
    }
  }

  /** Holds the tick until it is `over`; one that was taken away is `lost`, and its run stops. */
  async #renew(tick: Tick, lost: AbortController, over: AbortSignal): Promise<void> {
    const { clock } = this.#surroundings.world;
    for (;;) {
      await clock.sleep(RENEW_MS, over).catch(ignore);
      if (over.aborted) return;
      const leaseUntil = this.#now() + LEASE_MS;
      const isOurs = await this.#schedules.ledger
        .write((sql) => renewTick(sql, tick, leaseUntil))
        .catch(() => false);
      if (!isOurs) return lost.abort(new Error('the tick was taken away'));
    }
  }

  #now(): number {
    return this.#surroundings.world.clock.now();
  }
}

function ignore(): void {}

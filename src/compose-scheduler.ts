import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { Endings, isFollower } from './compose-endings.ts';
import type { Surroundings } from './compose-home.ts';
import { tellOfTick } from './compose-news.ts';
import { Notifier } from './compose-notifier.ts';
import type { ScheduleDesk } from './compose-schedules.ts';
import { snapshotDir } from './compose-snapshot.ts';
import { TICKS_FOLDER, type TickRun } from './compose-ticks.ts';
import { failpoint } from './core/failpoint.ts';
import { isUnavailable, RecipeError } from './core/recipe-error.ts';
import { mostRuns } from './core/schedule-rules.ts';
import { cancelNote } from './ledger/cancelled-ticks.ts';
import { FORGOTTEN_AT_ONCE, forgetTicks } from './ledger/forget-ticks.ts';
import { HeldTick, TICK_LEASE_MS } from './ledger/held-tick.ts';
import { pauseSchedule, readSchedule, type Schedule, setHealth } from './ledger/schedules.ts';
import { AGAIN_MS, MOST_WAIT_MS } from './ledger/submission-driver.ts';
import {
  claimTick,
  closeLapsed,
  endTick,
  giveBack,
  hadFailed,
  hasEnded,
  holdSchedule,
  noteWait,
  offerTicks,
  SCHEDULER_DIED,
  type Tick,
  type TickEnd,
  type TickWait,
} from './ledger/ticks.ts';
import { type Due, dueTicks } from './schedule/due.ts';
import { eventOfTick, interruptedReport, type TickReport } from './schedule/tick-report.ts';

/** Other processes apply, pause and ask for runs: they are seen after this time. */
const LOOK_MS = 2000;
/** So often it looks for ticks to forget, unless there are more than it forgets at once. */
const FORGET_MS = 3_600_000;
const TOLD_TO_END = 'its scheduler was told to end';

/** What a scheduler has, whatever its ticks run. */
export interface SchedulerPlace {
  readonly schedules: ScheduleDesk;
  readonly surroundings: Surroundings;
  readonly run: (tick: TickRun) => Promise<TickEnd>;
}

export interface SchedulerRequest {
  /** Ends it: runs are stopped, and their ticks closed as interrupted; those that have none yet are given back. */
  readonly signal: AbortSignal;
  /** Undefined: it is begun. */
  readonly onEvent: (schedule: Schedule, tick: Tick, change: TickEnd | TickWait | undefined) => void;
  readonly onWarning: (message: string) => void;
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
  /** By schedule, what it has to wait for as long as its rules and its cursor are these. */
  readonly #due = new Map<string, { readonly rules: string; readonly due: Due; readonly until: number }>();
  /** When ticks of a schedule may be old enough to be forgotten, by the clock that never goes back. */
  readonly #forgetAt = new Map<string, number>();

  constructor({ schedules, surroundings, run }: SchedulerPlace, request: SchedulerRequest) {
    this.#schedules = schedules;
    this.#run = run;
    this.#surroundings = surroundings;
    this.#request = request;
    const { clock } = surroundings.world;
    this.#endings = new Endings(schedules, { clock, onWarning: request.onWarning });
    this.#notifier = new Notifier(schedules, surroundings, request.onWarning);
  }

  /** Until the signal says so. A ledger that is away is waited for. */
  async serve(): Promise<void> {
    const { signal, onWarning } = this.#request;
    let said = '';
    try {
      while (!signal.aborted) {
        let wait = LOOK_MS;
        try {
          wait = Math.min(LOOK_MS, await this.look());
          said = '';
        } catch (error) {
          const message = `schedules could not be looked after: ${String(error)}`;
          if (message !== said) onWarning(message);
          said = message;
        }
        await this.#surroundings.world.clock.sleep(wait, signal).catch(() => {});
      }
    } finally {
      await this.settled();
      await this.#notifier.stop();
    }
  }

  /**
   * Starts what is due now. Gives how long it takes until the next tick is. One schedule that cannot be looked after
   * leaves the others theirs, and is what this fails of then.
   */
  async look(): Promise<number> {
    const { ledger } = this.#schedules;
    const schedules = await this.#schedules.list();
    const now = await ledger.read(async (sql) => this.#schedules.now(sql));
    let wakeAt = Infinity;
    let failed: Error | undefined;
    for (const schedule of schedules)
      try {
        wakeAt = Math.min(wakeAt, await this.#lookAt(schedule, now));
      } catch (error) {
        if (isUnavailable(error)) throw error;
        failed ??= new Error(`${schedule.name}: ${String(error)}`, { cause: error });
      }
    await this.#notifier.look();
    if (failed !== undefined) throw failed;
    return wakeAt - now;
  }

  /** Resolves when nothing that was started runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Runs whatever of a schedule waits, oldest first, until nothing does that may be begun. */
  async drain(schedule: Schedule): Promise<void> {
    await this.#claimAll(schedule);
    await this.settled();
  }

  /** Tells what is to be told now, and waits until it is known what became of it. */
  async notified(): Promise<void> {
    await this.#notifier.drain();
  }

  async #lookAt(schedule: Schedule, now: number): Promise<number> {
    const { ledger } = this.#schedules;
    const { id, settings, cursor } = schedule;
    const lapsed = await ledger.write(async (sql) => {
      const closed = await closeLapsed(sql, id, await this.#schedules.now(sql));
      for (const tick of closed) {
        const report = interruptedReport(tick.run, SCHEDULER_DIED);
        const at = await this.#schedules.now(sql);
        await tellOfTick(sql, { schedule, tick, event: 'failed', report, at });
      }
      return closed;
    });
    for (const tick of lapsed) {
      this.#request.onEvent(schedule, tick, { state: 'interrupted', note: SCHEDULER_DIED });
      rmSync(snapshotDir(this.#schedules.project, TICKS_FOLDER, tick.run ?? ''), {
        recursive: true,
        force: true,
      });
    }
    let wakeAt: number | undefined;
    if (schedule.paused === undefined && isFollower(schedule))
      wakeAt = await this.#endings.look(schedule, now);
    else if (schedule.paused === undefined) {
      const due = this.#dueOf(schedule, now);
      ({ wakeAt } = due);
      const offer = { schedule: id, overlap: settings.overlap, cursor: due.cursor };
      // The cursor stays where it is while nothing falls due.
      if (due.cursor > cursor)
        await ledger.write(async (sql) => {
          // Another has decided meanwhile: what it left out is left out.
          if ((await holdSchedule(sql, id))?.cursor !== cursor) return;
          await offerTicks(sql, { ...offer, cause: 'caught-up', instants: due.caughtUp });
          await offerTicks(sql, { ...offer, cause: 'clock', instants: due.onTime });
        });
    }
    await this.#claimAll(schedule);
    await this.#forget(id);
    return wakeAt ?? Infinity;
  }

  /** As long as nothing falls due it is not reckoned anew: on a day when clocks are set that takes a while. */
  #dueOf({ id, settings, cursor }: Schedule, now: number): Due {
    const rules = JSON.stringify([settings, cursor]);
    const before = this.#due.get(id);
    if (before?.rules === rules && now < before.until) return before.due;
    const due = dueTicks(settings, { schedule: id, cursor, now });
    if (due.cursor > cursor) this.#due.delete(id);
    else this.#due.set(id, { rules, due, until: due.wakeAt ?? Infinity });
    return due;
  }

  async #forget(id: string): Promise<void> {
    const { clock } = this.#surroundings.world;
    if (clock.monotonic() < (this.#forgetAt.get(id) ?? -Infinity)) return;
    const { ledger } = this.#schedules;
    const count = await ledger.write(async (sql) => forgetTicks(sql, id, await this.#schedules.now(sql)));
    if (count < FORGOTTEN_AT_ONCE) this.#forgetAt.set(id, clock.monotonic() + FORGET_MS);
  }

  /** Takes what waits, as much of it as may be run at once. */
  async #claimAll(schedule: Schedule): Promise<void> {
    while (!this.#request.signal.aborted && (await this.#claim(schedule)));
  }

  /** Takes a tick that waits and starts its run. False: there is none. */
  async #claim(known: Schedule): Promise<boolean> {
    const { ledger } = this.#schedules;
    const { clock } = this.#surroundings.world;
    const since = clock.monotonic();
    const claimed = await ledger.write(async (sql) => {
      const tick = await claimTick(sql, {
        schedule: known.id,
        most: mostRuns(known.settings),
        by: `${hostname()} ${this.#surroundings.pid}`,
        leaseUntil: (await this.#schedules.now(sql)) + TICK_LEASE_MS,
      });
      // It may have been applied anew since it was looked at: a run that ended just now took its time.
      return tick && { tick, schedule: (await readSchedule(sql, known.id)) ?? known };
    });
    if (claimed === undefined) return false;
    const { tick, schedule } = claimed;
    const held = new HeldTick(tick, {
      ledger,
      clock,
      now: async (sql) => this.#schedules.now(sql),
      since,
      toldToEnd: this.#request.signal,
    });
    const done = this.#execute(schedule, held)
      // The ledger cannot be written: the lease lapses, and whoever looks next closes the tick.
      .catch((error: unknown) => {
        const note = `its end could not be written down: ${String(error)}`;
        this.#request.onEvent(schedule, tick, { state: 'interrupted', note });
      })
      // Its place is free. If the ledger does not answer, the next look takes what waits.
      .then(async () => this.#claimAll(schedule).catch(() => {}))
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
    return true;
  }

  async #execute(schedule: Schedule, held: HeldTick): Promise<void> {
    await using _held = held;
    const { tick } = held;
    this.#request.onEvent(schedule, tick, undefined);
    const report: TickReport = {};
    const end = orCancelled(await this.#end({ schedule, held, report }), held);
    const isOurs = await held.patiently(async () =>
      end.state === 'waiting'
        ? this.#schedules.ledger.write((sql) => giveBack(sql, tick, end.note))
        : this.#close({ schedule, held, report }, end),
    );
    failpoint('tick.after-commit');
    if (!isOurs) return;
    this.#request.onEvent(schedule, tick, end);
    await this.#notifier.look();
  }

  /** Writes down how a tick ended, and what is to be told of it. False: it was taken away. */
  async #close({ schedule: begun, held: { tick }, report }: TickRun, end: TickEnd): Promise<boolean> {
    return this.#schedules.ledger.write(async (sql) => {
      const event = eventOfTick(end.state, await hadFailed(sql, begun.id));
      // Who is told, and whether it pauses, is said by the last apply.
      const schedule = (await readSchedule(sql, begun.id)) ?? begun;
      const at = await this.#schedules.now(sql);
      if (!(await endTick(sql, tick, { ...end, at }))) return hasEnded(sql, tick, end);
      const { state } = end;
      if (state === 'failed' || state === 'rejected' || state === 'succeeded')
        await setHealth(sql, schedule.id, state === 'succeeded' ? 'ok' : state);
      if (end.state === 'failed' && schedule.settings.pauseOnFailure && tick.cause !== 'backfill')
        await pauseSchedule(sql, schedule.id, { at, because: 'a run failed' });
      if (event !== undefined)
        await tellOfTick(sql, {
          schedule,
          tick,
          event,
          report: state === 'interrupted' ? interruptedReport(report.run, end.note ?? TOLD_TO_END) : report,
          at,
        });
      failpoint('tick.before-commit');
      return true;
    });
  }

  /**
   * Never rejects: whatever goes wrong is how the tick ended. What is out of reach before there is a run is waited for,
   * under the same lease, for a day.
   */
  async #end(tick: TickRun): Promise<TickEnd | TickWait> {
    const { clock } = this.#surroundings.world;
    const { schedule, held, report } = tick;
    let since: number | undefined;
    let said = '';
    for (;;)
      try {
        return await this.#run(tick);
      } catch (error) {
        const note = error instanceof RecipeError ? `${error.code}: ${error.message}` : String(error);
        const isAway = isUnavailable(error) && report.run === undefined;
        if (isAway) since ??= clock.monotonic();
        if (since === undefined || !isAway || clock.monotonic() - since >= MOST_WAIT_MS) {
          report.failure = { reason: 'refused', message: note };
          return { state: held.signal.aborted ? 'interrupted' : 'failed', note };
        }
        if (note !== said) this.#request.onEvent(schedule, held.tick, { state: 'waiting', note });
        said = note;
        await this.#schedules.ledger.write((sql) => noteWait(sql, held.tick, note)).catch(() => {});
        await clock.sleep(AGAIN_MS, held.signal).catch(() => {});
        if (held.signal.aborted) return { state: 'waiting', note: TOLD_TO_END };
      }
  }
}

/** That somebody stopped its run is why a tick came to no end, whatever its run made of that. */
function orCancelled(end: TickEnd | TickWait, { cancelledBy }: HeldTick): TickEnd | TickWait {
  if (cancelledBy === undefined || (end.state !== 'interrupted' && end.state !== 'waiting')) return end;
  return { ...end, state: 'interrupted', note: cancelNote(cancelledBy) };
}

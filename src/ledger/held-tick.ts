import { isUnavailable } from '../core/recipe-error.ts';
import type { Clock } from '../core/world.ts';
import type { Database, Sql } from '../db/sql.ts';
import { cancelNote, whoCancels } from './cancelled-ticks.ts';
import { ProvedLease } from './proved-lease.ts';
import { lastSeen, nameRun, renewTick, type Tick } from './ticks.ts';

/** Another scheduler takes over what was not renewed for so long, by the ledger's clock. */
export const TICK_LEASE_MS = 60_000;
const RENEW_MS = TICK_LEASE_MS / 6;
/** So long after the ledger was out of reach it is asked again. */
const AGAIN_MS = 1000;
const LOST = {
  taken: 'the tick was taken away',
  away: 'the ledger is away for longer than the lease',
} as const;

export interface TickHold {
  readonly ledger: Database;
  readonly clock: Clock;
  /** By the ledger's clock. */
  readonly now: (sql: Sql) => Promise<number>;
  /** Before the tick was asked for, by the clock that never goes back. */
  readonly since: number;
  /** Aborts when the scheduler is to end. */
  readonly toldToEnd: AbortSignal;
}

/**
 * A tick that this scheduler has: its lease is renewed until disposed of. One that another took, or that cannot be
 * proved for a lease's time to be its own, stops.
 */
export class HeldTick implements AsyncDisposable {
  readonly tick: Tick;
  /** Aborts when its run is to stop. */
  readonly signal: AbortSignal;
  readonly #hold: TickHold;
  readonly #lost = new AbortController();
  readonly #lease: ProvedLease;
  #cancelledBy: string | undefined;

  constructor(tick: Tick, hold: TickHold) {
    this.tick = tick;
    this.#hold = hold;
    this.signal = AbortSignal.any([hold.toldToEnd, this.#lost.signal]);
    this.#lease = new ProvedLease({
      clock: hold.clock,
      leaseMs: TICK_LEASE_MS,
      renewMs: RENEW_MS,
      since: hold.since,
      renew: async () => this.#renew(),
      onLost: (how) => this.#lost.abort(new Error(LOST[how])),
    });
  }

  /** Who asked for the end of its run; undefined: nobody whom this scheduler has heard of. */
  get cancelledBy(): string | undefined {
    return this.#cancelledBy;
  }

  /** Whether the last tick that came to an end saw the same. What somebody asked for runs all the same. */
  async isUnchanged(seen: string): Promise<boolean> {
    const { cause, schedule } = this.tick;
    if (cause === 'request' || cause === 'backfill') return false;
    const { ledger } = this.#hold;
    return seen === (await this.patiently(async () => ledger.read((sql) => lastSeen(sql, schedule))));
  }

  /** Says which run it gets, before there is one. False: it was taken away. */
  async name(run: string): Promise<boolean> {
    const { ledger } = this.#hold;
    return this.patiently(async () => ledger.write((sql) => nameRun(sql, this.tick, run)));
  }

  /**
   * Does something that needs the ledger, and may be done twice; again, where that is out of reach, as long as nobody
   * else can have the tick.
   */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const { clock, toldToEnd } = this.#hold;
    for (;;)
      try {
        return await work();
      } catch (error) {
        if (!isUnavailable(error) || !this.#lease.isProvable || toldToEnd.aborted) throw error;
        await clock.sleep(AGAIN_MS, toldToEnd).catch(() => {});
      }
  }

  /** False: another has it. */
  async #renew(): Promise<boolean> {
    const { ledger, now } = this.#hold;
    const renewed = await ledger.write(async (sql) =>
      (await renewTick(sql, this.tick, (await now(sql)) + TICK_LEASE_MS))
        ? { cancelledBy: await whoCancels(sql, this.tick) }
        : undefined,
    );
    this.#cancelledBy ??= renewed?.cancelledBy;
    if (this.#cancelledBy !== undefined) this.#lost.abort(new Error(cancelNote(this.#cancelledBy)));
    return renewed !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]();
  }
}

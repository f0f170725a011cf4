import { every } from '../core/every.ts';
import type { Clock } from '../core/world.ts';
import type { Database, Sql } from '../db/sql.ts';
import type { LimitInTheWay, LimitLease, LimitLedger } from '../engine/limits-port.ts';
import { ledgerNow } from './ledger-clock.ts';
import { limitInTheWay, renewLimits, returnLimits, takeLimits } from './limit-leases.ts';

/** A lease that was not renewed for so long has lapsed. */
const LEASE_MS = 15_000;
/** The same, of what goes on when its driver dies: until another driver goes on with it. */
const FLIGHT_LEASE_MS = 30_000;
const RENEW_MS = 4000;

export interface HeldLimitsOptions {
  /** Called when a limit is first asked for, and again after it has failed. */
  readonly open: () => Promise<Database>;
  readonly clock: Clock;
}

/** The limits that a run has: their leases are renewed until they are given back, and disposing gives back the rest. */
export class HeldLimits implements LimitLedger, AsyncDisposable {
  readonly #options: HeldLimitsOptions;
  readonly #held = new Set<LimitLease>();
  readonly #renewing: AsyncDisposable;
  #ledger: Database | undefined;
  /** One thing after another: what was given back is not renewed afterwards. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: HeldLimitsOptions) {
    this.#options = options;
    this.#renewing = every(options.clock, RENEW_MS, async () => this.#renew());
  }

  /** It fails as the ledger does. */
  async take(lease: LimitLease): Promise<LimitInTheWay | undefined> {
    return this.#inTurn(async (ledger) => {
      const { clock } = this.#options;
      for (;;) {
        // What is asked often is asked without a lock.
        const before = await ledger.read(async (sql) => limitInTheWay(sql, lease, await this.#now(sql)));
        if (before !== undefined) return before;
        const askedAt = clock.monotonic();
        const inTheWay = await ledger.write(async (sql) => {
          const now = await this.#now(sql);
          return takeLimits(sql, lease, { now, until: now + durationOf(lease) });
        });
        if (inTheWay !== undefined) return inTheWay;
        // An answer that comes late may be to a lease that another has by now.
        if (clock.monotonic() - askedAt > durationOf(lease) - RENEW_MS) continue;
        this.#held.add(lease);
        return undefined;
      }
    });
  }

  giveBack(lease: LimitLease): void {
    if (!this.#held.delete(lease)) return;
    // Out of reach: it is not renewed, and lapses.
    this.#inTurn((ledger) => ledger.write((sql) => returnLimits(sql, lease))).catch(() => {});
  }

  abandon(lease: LimitLease): void {
    this.#held.delete(lease);
  }

  /** What runs goes on, whether or not that can be said: a ledger that is back hears of it. */
  async #renew(): Promise<void> {
    if (this.#held.size === 0) return;
    await this.#inTurn((ledger) =>
      ledger.write(async (sql) => {
        const now = await this.#now(sql);
        await renewLimits(
          sql,
          [...this.#held].map((lease) => ({ lease, until: now + durationOf(lease) })),
        );
      }),
    ).catch(() => {});
  }

  async #inTurn<T>(work: (ledger: Database) => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      this.#ledger ??= await this.#options.open();
      return work(this.#ledger);
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #now(sql: Sql): Promise<number> {
    return ledgerNow(sql, () => this.#options.clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewing[Symbol.asyncDispose]();
    await this.#last;
    for (const lease of this.#held) this.giveBack(lease);
    await this.#last;
    await this.#ledger?.[Symbol.asyncDispose]();
  }
}

function durationOf({ outlivesDriver }: LimitLease): number {
  return outlivesDriver ? FLIGHT_LEASE_MS : LEASE_MS;
}

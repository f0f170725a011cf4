import { every } from '../core/every.ts';
import type { Clock } from '../core/world.ts';

export interface LeaseTerms {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly renewMs: number;
  /** Before it was given, by the clock that never goes back. */
  readonly since: number;
  /** Renews it in the ledger; it may fail as that does. False: another has it. */
  readonly renew: () => Promise<boolean>;
  /** Another has it, or may have, as the ledger has been away for longer than it lasts. */
  readonly onLost: (how: 'taken' | 'away') => void;
}

/** A lease in the ledger that is renewed until disposed of. */
export class ProvedLease implements AsyncDisposable {
  readonly #terms: LeaseTerms;
  readonly #renewing: AsyncDisposable;
  #provedAt: number;

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
    this.#provedAt = terms.since;
    this.#renewing = every(terms.clock, terms.renewMs, async () => this.#renew());
  }

  /** Whether nobody else can have it yet. */
  get isProvable(): boolean {
    const { clock, leaseMs } = this.#terms;
    return clock.monotonic() - this.#provedAt < leaseMs;
  }

  async #renew(): Promise<void> {
    const { clock, renew, onLost } = this.#terms;
    const before = clock.monotonic();
    try {
      if (!(await renew())) return onLost('taken');
      this.#provedAt = before;
    } catch {
      if (!this.isProvable) onLost('away');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewing[Symbol.asyncDispose]();
  }
}

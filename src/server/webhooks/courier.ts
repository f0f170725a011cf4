import { RecipeError } from '../../core/recipe-error.ts';
import type { Clock } from '../../core/world.ts';
import type { Database } from '../../db/sql.ts';
import type { Outbound } from '../../net/outbound.ts';
import { signedCall } from '../../net/signed-call.ts';
import {
  type ClaimedDelivery,
  claimDelivery,
  isAnyDue,
  type Settlement,
  settleDelivery,
} from '../../tracking/webhooks/deliveries.ts';
import { settlementOf } from './settlement.ts';

export interface CourierOptions {
  readonly database: Database;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly onGivenUp: (line: string) => void;
  readonly onBug: (error: Error, where: string) => void;
}

/** How often is looked for what is due, milliseconds: other processes write it too. */
const POLL_MS = 1000;
/** Longer than a call may take. */
const LEASE_MS = 90_000;
const MAX_CALLS = 64;
/** One that is slow does not keep the others waiting. */
const MAX_CALLS_OF_ONE = 4;

interface Call {
  readonly webhook: string;
  readonly done: Promise<void>;
  readonly abort: AbortController;
}

/**
 * Tells webhooks what they are to be told, at least once each, as long as the server runs. Several servers
 * on a database share the work.
 */
export class Courier implements AsyncDisposable {
  readonly #options: CourierOptions;
  readonly #underWay = new Set<Call>();
  #isStopped = false;
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(options: CourierOptions) {
    this.#options = options;
  }

  static start(options: CourierOptions): Courier {
    const courier = new Courier(options);
    courier.#running = courier.#run();
    return courier;
  }

  /** Calls that are under way are broken off, and are due at once for the next server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#wake.abort();
    await this.#running;
    for (const { abort } of this.#underWay) abort.abort();
    await Promise.all([...this.#underWay].map(({ done }) => done));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#wake = new AbortController();
      await this.#guarded(() => this.#takeDue());
      if (this.#isStopped) return;
      await this.#options.clock.sleep(POLL_MS, this.#wake.signal).catch(() => undefined);
    }
  }

  async #takeDue(): Promise<void> {
    const { database, clock } = this.#options;
    if (!(await database.read((sql) => isAnyDue(sql, clock.now())))) return;
    while (this.#underWay.size < MAX_CALLS && !this.#isStopped) {
      const busy = this.#busy();
      const claimed = await database.write((sql) =>
        claimDelivery(sql, { now: clock.now(), leaseMs: LEASE_MS, busy }),
      );
      if (claimed === undefined) return;
      const abort = new AbortController();
      const call: Call = {
        webhook: claimed.webhook.id,
        abort,
        done: this.#guarded(() => this.#deliver(claimed, abort.signal)).finally(() => {
          this.#underWay.delete(call);
          this.#wake.abort();
        }),
      };
      this.#underWay.add(call);
    }
  }

  #busy(): string[] {
    const calls = Map.groupBy(this.#underWay, ({ webhook }) => webhook);
    return [...calls].flatMap(([id, { length }]) => (length < MAX_CALLS_OF_ONE ? [] : [id]));
  }

  async #deliver(claimed: ClaimedDelivery, signal: AbortSignal): Promise<void> {
    const { database, clock, onGivenUp } = this.#options;
    const settlement = await this.#attempt(claimed, signal);
    await database.write((sql) => settleDelivery(sql, claimed, settlement, clock.now()));
    const { event, webhook, attempts } = claimed;
    if (settlement.kind === 'given-up')
      onGivenUp(
        `The webhook ${webhook.name} (${webhook.id}) was not told of ${event.entity}.${event.action}, given up after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: ${settlement.problem}`,
      );
  }

  async #attempt(
    { id, payload, attempts, webhook: { url, secret } }: ClaimedDelivery,
    signal: AbortSignal,
  ): Promise<Settlement> {
    const { outbound, clock, random } = this.#options;
    try {
      const call = signedCall({ as: 'mlflow', url, secret, id, payload, at: clock.now() });
      const outcome = await outbound.post({ ...call, signal });
      return settlementOf({ outcome, attempts, now: clock.now(), random: random() });
    } catch (failed) {
      if (signal.aborted) return { kind: 'again', due: clock.now(), problem: 'The server was stopped.' };
      return settlementOf({ outcome: { failed }, attempts, now: clock.now(), random: random() });
    }
  }

  /** Goes on where the database is away for a while: what was claimed is due again when its lease ends. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof RecipeError) return;
      this.#options.onBug(
        error instanceof Error ? error : new Error(String(error)),
        'the delivery of webhooks',
      );
    }
  }
}

import type { SimLedger } from './sim-ledger.ts';

/** What runs under named limits, wherever it does. */
export interface Execution {
  /** As its leases name it. */
  readonly flight: string;
  readonly limits: readonly string[];
}

/** Looks at all leases, and at what runs, for more than a limit allows. */
export class LimitWatch {
  readonly violations: string[] = [];
  readonly #ledger: SimLedger;
  readonly #most: Readonly<Record<string, number>>;
  readonly #executions = new Set<Execution>();
  /** Nothing has kept leases from being renewed. */
  readonly #isOrderly: boolean;
  #leases: ReadonlySet<string> = new Set();

  constructor(ledger: SimLedger, most: Readonly<Record<string, number>>, isOrderly: boolean) {
    this.#ledger = ledger;
    this.#most = most;
    this.#isOrderly = isOrderly;
    ledger.onCommit(() => this.#look());
  }

  /** Leases that have not lapsed. */
  get held(): readonly string[] {
    return this.#ledger
      .rows(`SELECT DISTINCT limit_name, flight FROM limit_leases WHERE lease_until > ${this.#ledger.now}`)
      .map(({ limit_name, flight }) => `${String(limit_name)} ${String(flight)}`);
  }

  begins(execution: Execution): void {
    this.#executions.add(execution);
    const held = new Set(this.held);
    for (const name of execution.limits) {
      if (!held.has(`${name} ${execution.flight}`))
        this.violations.push(`L2 ${execution.flight} begins without its lease of ${name}`);
      if (this.#isOrderly && this.#running(name) > this.#mostOf(name))
        this.violations.push(`L1 ${execution.flight} begins as one more than ${name} allows`);
    }
  }

  ends(execution: Execution): void {
    this.#executions.delete(execution);
  }

  /** How many flights there are of which something runs under a limit. */
  #running(name: string): number {
    const under = [...this.#executions].filter(({ limits }) => limits.includes(name));
    return new Set(under.map(({ flight }) => flight)).size;
  }

  #look(): void {
    const held = new Set(this.held);
    const running = new Set([...this.#executions].map(({ flight }) => flight));
    for (const key of held) {
      const [name = '', ...rest] = key.split(' ');
      // What runs has it again, whoever has it meanwhile.
      if (this.#leases.has(key) || running.has(rest.join(' '))) continue;
      const all = [...held].filter((other) => other.startsWith(`${name} `));
      if (all.length > this.#mostOf(name)) this.violations.push(`L1 ${key} is one more than may be`);
    }
    if (this.#isOrderly)
      for (const { flight, limits } of this.#executions)
        for (const name of limits)
          if (!held.has(`${name} ${flight}`)) this.violations.push(`L3 ${flight} runs on without ${name}`);
    this.#leases = held;
  }

  #mostOf(name: string): number {
    const most = this.#most[name];
    if (most === undefined) throw new Error(`nobody limits ${name}`);
    return most;
  }
}

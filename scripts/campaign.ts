import { appendFileSync } from 'node:fs';
import { type Findings, faultsOf, type Trial, tableOf } from '../test/chaos/findings.ts';

/** Flags of all scripts that injure something at random. */
export const CAMPAIGN_OPTIONS = {
  runs: { type: 'string' },
  seconds: { type: 'string' },
  faults: { type: 'string' },
  seed: { type: 'string', default: '1' },
  verbose: { type: 'boolean', default: false },
  table: { type: 'boolean', default: false },
  into: { type: 'string' },
} as const;

interface Flags {
  readonly runs?: string | undefined;
  readonly seconds?: string | undefined;
  readonly faults?: string | undefined;
  readonly seed: string;
  /** Whether trials in which all held are told of. */
  readonly verbose: boolean;
  /** Whether the table of faults is printed at the end. */
  readonly table: boolean;
  /** A file that gets what was found as one line of JSON. */
  readonly into?: string | undefined;
}

/** Trials with one seed after another, until there were so many runs, seconds or faults as was asked for. */
export class Campaign {
  readonly #name: string;
  readonly #flags: Flags;
  readonly #most: { readonly runs: number; readonly seconds: number; readonly faults: number };
  readonly #since = performance.now();
  readonly #kinds: Record<string, { faults: number; violated: number }> = {};
  #begun = 0;
  #trials = 0;
  #violations = 0;
  #isStopped = false;

  /** @param runs where nothing else is asked for */
  constructor(name: string, flags: Flags, runs: number) {
    this.#name = name;
    this.#flags = flags;
    const isBounded = flags.runs ?? flags.seconds ?? flags.faults;
    this.#most = {
      runs: Number(flags.runs ?? (isBounded === undefined ? runs : Infinity)),
      seconds: Number(flags.seconds ?? Infinity),
      faults: Number(flags.faults ?? Infinity),
    };
    // What a long one has found until it is ended counts too.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        this.#isStopped = true;
      });
  }

  /** The seed of the next trial; undefined when there were enough. */
  next(): number | undefined {
    const { runs, seconds, faults } = this.#most;
    if (this.#isStopped || this.#begun >= runs || this.#seconds >= seconds || this.#faults >= faults)
      return undefined;
    this.#begun += 1;
    return this.#first + this.#begun - 1;
  }

  /** A trial that throws is one that found something. */
  async count(name: string, trial: () => Promise<Trial>): Promise<void> {
    const { what, faults, violations } = await trial().catch(
      (error: unknown): Trial => ({
        what: ['the trial itself'],
        faults: [],
        violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }),
    );
    this.#trials += 1;
    this.#violations += violations.length;
    for (const kind of faults) {
      const { faults: before, violated } = this.#kinds[kind] ?? { faults: 0, violated: 0 };
      this.#kinds[kind] = { faults: before + 1, violated: violated + (violations.length > 0 ? 1 : 0) };
    }
    if (this.#flags.verbose || violations.length > 0) console.log(`${name}: ${what.join('; ')}`);
    for (const line of violations) console.log(`  ${line}`);
  }

  /** Says what was found, and lets the process exit with 1 unless something happened and all held. */
  end(): void {
    const findings: Findings = {
      campaign: this.#name,
      seeds: [this.#first, this.#first + this.#begun - 1],
      trials: this.#trials,
      seconds: Math.round(this.#seconds),
      violations: this.#violations,
      kinds: this.#kinds,
    };
    if (this.#flags.table) console.log(tableOf([findings]));
    if (this.#flags.into !== undefined) appendFileSync(this.#flags.into, `${JSON.stringify(findings)}\n`);
    console.log(
      `${this.#name}: ${this.#trials} trials, seeds ${findings.seeds.join(' to ')}, ${faultsOf(findings)} faults: ${this.#violations} violations`,
    );
    process.exitCode = this.#violations === 0 && this.#trials > 0 ? 0 : 1;
  }

  get #first(): number {
    return Number(this.#flags.seed);
  }

  get #faults(): number {
    return faultsOf({ kinds: this.#kinds });
  }

  get #seconds(): number {
    return (performance.now() - this.#since) / 1000;
  }
}

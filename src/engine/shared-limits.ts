import type { Unstamped } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { Fingerprint, StepId } from '../core/ids.ts';
import type { PlanStep, Settings } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Holder } from './holder.ts';
import { limitsOfStep } from './limits-of-step.ts';
import type { LimitInTheWay, LimitLease } from './limits-port.ts';
import type { Machine, RunOptions } from './run-options.ts';

/** So long after limits were not to be had they are asked for again. */
const AGAIN_MS = 500;
/** Runs that are named as those that have a limit. */
const MOST_NAMED = 3;

interface Entry {
  readonly lease: LimitLease;
  state: 'asked' | 'granted' | 'running';
  /** What keeps the ledger from ever answering: the attempt fails of it. */
  problem: RecipeError | undefined;
}

/** What of a run its limits depend on. */
export interface LimitedRun extends Pick<RunOptions, 'id' | 'limits'> {
  readonly plan: { readonly settings: Pick<Settings, 'limits' | 'queues'> };
  readonly machine: Pick<Machine, 'isElsewhere'>;
  readonly world: Pick<RunOptions['world'], 'clock'>;
}

interface SharedLimitsHooks {
  readonly emit: (event: Unstamped) => void;
  /** Called when a step has been given its limits. */
  readonly onGrant: () => void;
}

/** It is asked for, and nothing is known yet. */
const ASKED: Holder = { reason: 'limit', holder: undefined };

/**
 * The named limits, which this run shares with others. A step that has room otherwise asks for its leases; whether it
 * waits for others is said once the ledger has answered. Leases that were granted and are not used at once are given
 * back, so that nobody waits for what nobody uses.
 */
export class SharedLimits {
  readonly #options: LimitedRun;
  readonly #hooks: SharedLimitsHooks;
  readonly #entries = new Map<StepId, Entry>();
  readonly #stop = new AbortController();

  constructor(options: LimitedRun, hooks: SharedLimitsHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  /** What the step has to wait for; undefined if it has all its limits, or none. Asks for them if it has not yet. */
  blockedBy(step: PlanStep, fingerprint: Fingerprint): Holder | undefined {
    const { plan, id: run, machine } = this.#options;
    const limits = limitsOfStep(step, plan.settings, machine);
    if (limits.length === 0) return undefined;
    const there = this.#entries.get(step.id);
    if (there !== undefined) return there.state === 'asked' ? ASKED : undefined;
    // Not more than may run are asked for at once, however many steps wait.
    const full = limits.find(({ name, most }) => this.#countOf(name) >= most);
    if (full !== undefined) return { reason: 'limit', holder: full.name };
    const isElsewhere = machine.isElsewhere(step);
    const entry: Entry = {
      lease: {
        flight: isElsewhere ? fingerprint : `${fingerprint} ${run} ${step.id}`,
        run,
        step: step.id,
        limits,
        outlivesDriver: isElsewhere,
      },
      state: 'asked',
      problem: undefined,
    };
    this.#entries.set(step.id, entry);
    void this.#ask(entry);
    return ASKED;
  }

  enter(step: PlanStep): void {
    const entry = this.#entries.get(step.id);
    if (entry !== undefined) entry.state = 'running';
  }

  /** @throws RecipeError what keeps the ledger from ever being asked */
  require(step: PlanStep): void {
    const problem = this.#entries.get(step.id)?.problem;
    if (problem !== undefined) throw problem;
  }

  /** @param isAdopted whether what runs goes on, for another driver to see to its end */
  leave(step: PlanStep, isAdopted: boolean): void {
    const entry = this.#entries.get(step.id);
    if (entry === undefined) return;
    this.#entries.delete(step.id);
    const { limits } = this.#options;
    if (isAdopted) limits?.abandon(entry.lease);
    else limits?.giveBack(entry.lease);
  }

  /** Gives back what was granted to steps that have not begun with it; at the run's end also asks for no more. */
  settle(isOver: boolean): void {
    if (isOver) this.#stop.abort();
    for (const [step, { lease, state }] of this.#entries)
      if (state === 'granted') {
        this.#entries.delete(step);
        this.#options.limits?.giveBack(lease);
      }
  }

  async #ask(entry: Entry): Promise<void> {
    const { world, limits } = this.#options;
    const { signal } = this.#stop;
    let said = '';
    while (!signal.aborted) {
      const holder = await this.#tryToTake(entry);
      if (holder === undefined) {
        if (signal.aborted) break;
        entry.state = 'granted';
        return this.#hooks.onGrant();
      }
      if (holder !== said && !signal.aborted)
        this.#hooks.emit({ type: 'step.waiting', step: entry.lease.step, reason: 'limit', holder });
      said = holder;
      await world.clock.sleep(AGAIN_MS, signal).catch(() => {});
    }
    this.#entries.delete(entry.lease.step);
    limits?.giveBack(entry.lease);
  }

  /** Gives, for people, what there is to wait for. */
  async #tryToTake(entry: Entry): Promise<string | undefined> {
    try {
      const inTheWay = await this.#options.limits?.take(entry.lease);
      return inTheWay === undefined ? undefined : describe(inTheWay);
    } catch (error) {
      if (!(error instanceof RecipeError) || error.exit === ExitCode.unavailable)
        return `the ledger, which cannot be asked for limits: ${error instanceof Error ? error.message : String(error)}`;
      entry.problem = error;
      return undefined;
    }
  }

  #countOf(name: string): number {
    let count = 0;
    for (const { lease } of this.#entries.values())
      if (lease.limits.some((limit) => limit.name === name)) count += 1;
    return count;
  }
}

function describe({ name, runs }: LimitInTheWay): string {
  const more = runs.length - MOST_NAMED;
  const named = runs.slice(0, MOST_NAMED).join(', ');
  return `${name}, which run${runs.length === 1 ? '' : 's'} ${named}${more > 0 ? ` and ${more} more` : ''} ${runs.length === 1 ? 'has' : 'have'}`;
}

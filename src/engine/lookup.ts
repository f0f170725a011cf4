import type { Digest, Fingerprint } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import type { World } from '../core/world.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import type { Result, Results } from '../store/results.ts';
import type { Store } from '../store/store.ts';
import { type Hit, hasLapsed, usableResult } from './usable-result.ts';

export interface LookupOptions {
  readonly store: Store;
  readonly world: World;
  readonly shared: RemoteCache | undefined;
}

/** Where the result of a step may be: in this machine's cache, then in the one that machines share. */
export class Lookup {
  readonly #options: LookupOptions;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** @param replays whether its log is said again */
  local(step: PlanStep, fingerprint: Fingerprint, replays: boolean): Hit | undefined {
    const { store, world } = this.#options;
    return usableResult(step, fingerprint, { store, now: world.clock.now(), replays });
  }

  get isShared(): boolean {
    return this.#options.shared !== undefined;
  }

  /** Brings of a shared result what the run itself reads: its log and report, figures, the request of an effect. */
  async shared(step: PlanStep, fingerprint: Fingerprint, replays: boolean): Promise<Hit | undefined> {
    const { store, world, shared } = this.#options;
    const result = await shared?.find(fingerprint);
    if (shared === undefined || result === undefined || hasLapsed(step, result, world.clock.now()))
      return undefined;
    if (replays && !(await adoptForRun(step, result, shared, store))) return undefined;
    if (!replays) store.results.adopt(result);
    return usableResult(step, fingerprint, { store, now: world.clock.now(), replays, result });
  }
}

/** Makes a shared result one of this machine, with what the run itself reads of it. False: that is not there. */
export async function adoptForRun(
  step: PlanStep,
  result: Result,
  shared: Pick<RemoteCache, 'bring'>,
  store: { readonly results: Pick<Results, 'adopt'> },
): Promise<boolean> {
  if ((await shared.bring(readByRuns(step, result))).length > 0) return false;
  store.results.adopt(result);
  return true;
}

function readByRuns({ action }: PlanStep, { outputs, report, log }: Result): Digest[] {
  const figures = Object.values(outputs).filter(({ kind }) => kind === 'metrics' || kind === 'value');
  const request = 'effect' in action ? outputs['request'] : undefined;
  return [...figures, report, log, request].flatMap((one) => (one === undefined ? [] : [one.digest]));
}

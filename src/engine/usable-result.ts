import type { Fingerprint } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import { BlobDamaged } from '../store/blobs.ts';
import type { Result } from '../store/results.ts';
import type { Store } from '../store/store.ts';
import { replayLog } from './replay-log.ts';

/** A result that can be used, and the end of its log. */
export interface Hit {
  readonly result: Result;
  readonly log: readonly string[];
}

/**
 * The result of a fingerprint, unless it is older than the step allows, has not all outputs, or is damaged in what this process
 * itself reads of it: the log, which it shows (`replays`), and the request of an effect.
 */
export function usableResult(
  step: PlanStep,
  fingerprint: Fingerprint,
  {
    store,
    now,
    replays,
    result = store.results.find(fingerprint),
  }: { store: Store; now: number; replays: boolean; result?: Result | undefined },
): Hit | undefined {
  if (result === undefined || hasLapsed(step, result, now) || lacksOutput(step, result)) return undefined;
  if (!replays) return { result, log: [] };
  try {
    const request = 'effect' in step.action ? result.outputs['request'] : undefined;
    if (request !== undefined) store.blobs.read(request.digest);
    return { result, log: replayLog(store, result) };
  } catch (error) {
    if (error instanceof BlobDamaged) return undefined;
    throw error;
  }
}

/** Whether an output has another name than the step gave it: the file of the result is damaged. */
function lacksOutput({ outputs: declared }: PlanStep, { outputs }: Result): boolean {
  return Object.keys(declared).some((name) => !Object.hasOwn(outputs, name));
}

/** Whether a result is older than the step allows. */
export function hasLapsed({ cache }: PlanStep, { producer }: Result, now: number): boolean {
  return typeof cache === 'object' && now - producer.at >= cache.ttlMs;
}

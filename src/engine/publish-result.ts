import type { OutputRef } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import type { Result, Results } from '../store/results.ts';
import type { Task } from './ports.ts';

/** Where results are put. */
export interface Shelves {
  readonly store: { readonly results: Pick<Results, 'commit' | 'bringToDisk' | 'isComplete' | 'adopt'> };
  /** The cache that machines share, behind the store. */
  readonly shared: RemoteCache | undefined;
  /** Whether results that nobody else may use go there too: somebody waits for them elsewhere. */
  readonly sharesAll: boolean;
}

/** Gives the result that counts: another may have been there first, here or where machines share one. */
export async function publishResult(
  result: Result,
  task: Pick<Task, 'step' | 'replace'>,
  { store, shared, sharesAll }: Shelves,
): Promise<Result> {
  // What counts is the one that somebody waits for elsewhere: it is brought to the disk there.
  const mayBeLost = shared !== undefined && sharesAll && !shared.isReadOnly;
  const winner = await store.results.commit(result, { replace: task.replace, mayBeLost });
  failpoint('attempt.published');
  if (!store.results.isComplete(winner))
    throw new Error('a blob of the result was removed from the store while it was published');
  if (shared === undefined || (task.step.cache === 'never' && !sharesAll)) return winner;
  const first = await shared.publish(winner, { replace: task.replace });
  // Nobody else has it until the shared cache is back.
  if (mayBeLost && shared.problem !== undefined) await store.results.bringToDisk(winner.fingerprint);
  // A run goes on with what all machines see.
  if (differing(winner.outputs, first.outputs).length > 0) store.results.adopt(first);
  return first;
}

/** Names of outputs that another result has otherwise, or not. */
export function differing(
  ours: Readonly<Record<string, OutputRef>>,
  winners: Readonly<Record<string, OutputRef>>,
): string[] {
  return Object.keys(ours).filter((name) => ours[name]?.digest !== winners[name]?.digest);
}

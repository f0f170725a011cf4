import { describeFailure } from '../../core/failure.ts';
import type { AttemptOutcome } from '../../engine/ports.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import type { FetchLine } from './fetch-inputs.ts';

/** What whoever watches a worker is told of a task. */
export type TaskLine = (FetchLine | { readonly type: 'began' } | TaskEnd) & {
  readonly step: string;
  readonly run: string;
};

/** How a task ended, for people, and in one word: `succeeded`, the reason of a failure, or `unknown`. */
interface TaskEnd {
  readonly type: 'ended';
  readonly outcome: string;
  readonly reason: string;
}

/** Undefined: it was not done, and nobody can say more of it. */
export function wordsFor(outcome: AttemptOutcome | BlobDamaged | undefined): Omit<TaskEnd, 'type'> {
  if (outcome === undefined) return { outcome: 'was not done', reason: 'unknown' };
  if (outcome instanceof BlobDamaged) return { outcome: outcome.message, reason: 'infra' };
  if (outcome.ok) return { outcome: 'succeeded', reason: 'succeeded' };
  return { outcome: describeFailure(outcome.failure), reason: outcome.failure.reason };
}

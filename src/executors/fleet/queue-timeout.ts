import type { Failure } from '../../core/failure.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import { infraFailureOf } from '../../engine/failure-of-error.ts';
import type { FlightLink } from './flight-link.ts';
import { takersOf, type WorkerState } from './presence.ts';

/** Workers that are named in one message. */
const MOST_NAMED = 3;

/** How a step fails that no worker began for as long as it may wait. */
export async function queueTimeout(
  link: Pick<FlightLink, 'workers'>,
  { queue, limitMs, holder }: { readonly queue: string; readonly limitMs: number; readonly holder: string },
): Promise<Failure> {
  // Redis is away: nobody says which there are.
  const workers = await link.workers().catch(() => undefined);
  const found = workers === undefined ? 'Redis does not say which there are' : describe(queue, workers);
  return infraFailureOf(new RecipeError('QUEUE_TIMEOUT', { queue, limitMs, workers: found, holder }));
}

function describe(queue: string, workers: readonly WorkerState[]): string {
  const takers = takersOf(queue, workers);
  if (takers.length > 0) {
    const named = takers.slice(0, MOST_NAMED).map(({ id }) => id);
    const more = takers.length - named.length;
    return `there are ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
  const others = [...new Set(workers.flatMap(({ queues }) => queues))].filter((one) => one !== queue);
  return others.length === 0 ? 'there is none' : `there is none, but of ${others.toSorted().join(', ')}`;
}

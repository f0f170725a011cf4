import type { Redis } from 'ioredis';
import type { Keys } from './names.ts';

/** What a worker says of itself, every few seconds. */
export interface WorkerState {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly stockpot: string;
  readonly platform: string;
  readonly queues: readonly string[];
  /** Steps at once. */
  readonly concurrency: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** How many GPUs its steps may have. */
  readonly gpus: number;
  /** Names of the secrets that it can give to steps. */
  readonly secrets: readonly string[];
  /** Milliseconds since the Unix epoch, by its own clock. */
  readonly startedAt: number;
  /** It takes nothing more, and ends when what it runs has ended. */
  readonly isDraining: boolean;
  readonly running: readonly { readonly step: string; readonly run: string; readonly since: number }[];
}

/** A worker that has said nothing for so long is gone. */
const GONE_MS = 15_000;

export async function announceWorker(redis: Redis, keys: Keys, state: WorkerState): Promise<void> {
  await redis
    .multi()
    .set(keys.worker(state.id), JSON.stringify(state), 'PX', GONE_MS)
    .sadd(keys.workers, state.id)
    .exec();
}

export async function removeWorker(redis: Redis, keys: Keys, id: string): Promise<void> {
  await redis.multi().del(keys.worker(id)).srem(keys.workers, id).exec();
}

/** Workers that live, by id; those that are gone are forgotten. */
export async function readWorkers(redis: Redis, keys: Keys): Promise<readonly WorkerState[]> {
  const ids = (await redis.smembers(keys.workers)).toSorted();
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map((id) => keys.worker(id)));
  const gone = ids.filter((_, index) => texts[index] === null);
  if (gone.length > 0) await redis.srem(keys.workers, ...gone);
  return texts.flatMap((text) => (typeof text === 'string' ? [JSON.parse(text) as WorkerState] : []));
}

/** Workers that take from a queue: not those that end when what they run has ended. */
export function takersOf(queue: string, workers: readonly WorkerState[]): readonly WorkerState[] {
  return workers.filter(({ queues, isDraining }) => queues.includes(queue) && !isDraining);
}

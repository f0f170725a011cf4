import type { Json } from '../../core/json.ts';
import type { KeyValue, MetricWrite } from '../../engine/tracking-port.ts';
import { storedNumber } from '../mlflow/stored-number.ts';

/** What one log-batch may hold, by MLflow's limits; and so many characters, as servers limit a request to 1 MB. */
const MAX = { params: 100, tags: 100, metrics: 800, characters: 400_000 } as const;

export interface Logged {
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
  readonly metrics: readonly MetricWrite[];
}

/** Bodies of log-batch for all that is to be logged of a run. */
export function logBatches(run: string, { params, tags, metrics }: Logged): Json[] {
  const batches: { params: Json[]; tags: Json[]; metrics: Json[]; characters: number }[] = [];
  const add = (kind: 'params' | 'tags' | 'metrics', entry: Json): void => {
    const characters = JSON.stringify(entry).length;
    let batch = batches.find(
      (one) => one[kind].length < MAX[kind] && one.characters + characters <= MAX.characters,
    );
    if (batch === undefined) {
      batch = { params: [], tags: [], metrics: [], characters: 0 };
      batches.push(batch);
    }
    batch[kind].push(entry);
    batch.characters += characters;
  };
  for (const { key, value } of params) add('params', { key, value });
  for (const { key, value } of tags) add('tags', { key, value });
  for (const { key, value, step, timestamp } of metrics) {
    const [number, isNan] = storedNumber(value);
    add('metrics', { key, value: isNan === 1 ? 'NaN' : number, step, timestamp });
  }
  return batches.map((batch) => ({
    run_id: run,
    params: batch.params,
    tags: batch.tags,
    metrics: batch.metrics,
  }));
}

import type { DatasetWrite, TrackedRun } from '../engine/tracking-port.ts';
import type { Run } from './mlflow/messages.ts';

/** A run of MLflow's messages, with the name of its experiment, as recipes read it. */
export function trackedRunOf({ info, data }: Run, experiment: string): TrackedRun {
  return {
    id: info.run_id,
    name: info.run_name,
    experiment,
    user: info.user_id,
    status: info.status as TrackedRun['status'],
    lifecycle: info.lifecycle_stage,
    startTime: info.start_time ?? null,
    endTime: info.end_time ?? null,
    params: Object.fromEntries(data.params.map(({ key, value }) => [key, value])),
    metrics: Object.fromEntries(data.metrics.map(({ key, value }) => [key, value])),
    tags: Object.fromEntries(data.tags.map(({ key, value }) => [key, value])),
  };
}

/** Its data sets, by name and use. */
export function datasetsOf({ inputs }: Run): DatasetWrite[] {
  return inputs.dataset_inputs.map(({ tags, dataset }) => {
    const context = tags.find(({ key }) => key === 'mlflow.data.context')?.value;
    return {
      name: dataset.name,
      digest: dataset.digest,
      sourceType: dataset.source_type,
      source: dataset.source,
      ...(dataset.schema === undefined ? {} : { schema: dataset.schema }),
      ...(dataset.profile === undefined ? {} : { profile: dataset.profile }),
      ...(context === undefined ? {} : { context }),
    };
  });
}

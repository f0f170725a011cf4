import { RUN_STATUSES } from '../../tracking/mlflow/messages.ts';
import { DOUBLE, INTEGER, listOf, oneOf, optional, pair, part, TEXT } from './shape.ts';

const STAGE = oneOf(['active', 'deleted']);
const PARAM = pair('Param');

export const EXPERIMENT = part('Experiment', {
  experiment_id: TEXT,
  name: TEXT,
  artifact_location: TEXT,
  lifecycle_stage: STAGE,
  last_update_time: INTEGER,
  creation_time: INTEGER,
  tags: listOf(pair('ExperimentTag')),
});

const METRIC = { key: TEXT, value: DOUBLE, timestamp: INTEGER, step: INTEGER };
export const POINT_OF_RUN = part('MetricWithRunId', { ...METRIC, run_id: TEXT });

/** Whose it is, and measured on what, is said of metrics of logged models. */
export const POINT = part('Metric', {
  ...METRIC,
  dataset_name: optional(TEXT),
  dataset_digest: optional(TEXT),
  model_id: optional(TEXT),
  run_id: optional(TEXT),
});

export const RUN_INFO = part('RunInfo', {
  run_id: TEXT,
  run_uuid: TEXT,
  run_name: TEXT,
  experiment_id: TEXT,
  user_id: TEXT,
  status: oneOf(RUN_STATUSES),
  start_time: optional(INTEGER),
  end_time: optional(INTEGER),
  artifact_uri: TEXT,
  lifecycle_stage: STAGE,
});

const DATASET = part('Dataset', {
  name: TEXT,
  digest: TEXT,
  source_type: TEXT,
  source: TEXT,
  schema: optional(TEXT),
  profile: optional(TEXT),
});

export const RUN = part('Run', {
  info: RUN_INFO,
  data: part('RunData', {
    metrics: listOf(POINT),
    params: listOf(PARAM),
    tags: listOf(pair('RunTag')),
  }),
  inputs: part('RunInputs', {
    dataset_inputs: listOf(part('DatasetInput', { tags: listOf(pair('InputTag')), dataset: DATASET })),
    model_inputs: optional(listOf(part('ModelInput', { model_id: TEXT }))),
  }),
  outputs: optional(
    part('RunOutputs', {
      model_outputs: listOf(part('ModelOutput', { model_id: TEXT, step: INTEGER })),
    }),
  ),
});

export const DATASET_SUMMARY = part('DatasetSummary', {
  experiment_id: TEXT,
  name: TEXT,
  digest: TEXT,
  context: optional(TEXT),
});

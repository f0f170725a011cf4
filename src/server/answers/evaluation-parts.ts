import { INTEGER, listOf, optional, part, TEXT } from './shape.ts';

/** MLflow's name of it is Dataset, as that of a run's input. Tags, schema and profile are JSON in a text. */
export const EVALUATION_DATASET = part('EvaluationDataset', {
  dataset_id: TEXT,
  name: TEXT,
  tags: TEXT,
  schema: optional(TEXT),
  profile: optional(TEXT),
  digest: TEXT,
  created_time: INTEGER,
  last_update_time: INTEGER,
  created_by: optional(TEXT),
  last_updated_by: optional(TEXT),
  experiment_ids: optional(listOf(TEXT)),
});

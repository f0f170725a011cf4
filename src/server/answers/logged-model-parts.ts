import { MODEL_STATUSES } from '../../tracking/mlflow/messages.ts';
import { POINT } from './run-parts.ts';
import { INTEGER, listOf, oneOf, pair, part, TEXT } from './shape.ts';

export const LOGGED_MODEL = part('LoggedModel', {
  info: part('LoggedModelInfo', {
    model_id: TEXT,
    experiment_id: TEXT,
    name: TEXT,
    creation_timestamp_ms: INTEGER,
    last_updated_timestamp_ms: INTEGER,
    artifact_uri: TEXT,
    status: oneOf(MODEL_STATUSES),
    model_type: TEXT,
    source_run_id: TEXT,
    tags: listOf(pair('LoggedModelTag')),
  }),
  data: part('LoggedModelData', {
    params: listOf(pair('LoggedModelParameter')),
    metrics: listOf(POINT),
  }),
});

import { STAGES } from '../../tracking/mlflow/messages.ts';
import { INTEGER, listOf, oneOf, pair, part, TEXT } from './shape.ts';

export const MODEL_VERSION = part('ModelVersion', {
  name: TEXT,
  version: TEXT,
  creation_timestamp: INTEGER,
  last_updated_timestamp: INTEGER,
  user_id: TEXT,
  current_stage: oneOf(STAGES),
  description: TEXT,
  source: TEXT,
  run_id: TEXT,
  status: oneOf(['READY', 'PENDING_REGISTRATION', 'FAILED_REGISTRATION']),
  tags: listOf(pair('ModelVersionTag')),
  run_link: TEXT,
  aliases: listOf(TEXT),
});

export const REGISTERED_MODEL = part('RegisteredModel', {
  name: TEXT,
  creation_timestamp: INTEGER,
  last_updated_timestamp: INTEGER,
  user_id: TEXT,
  description: TEXT,
  latest_versions: listOf(MODEL_VERSION),
  tags: listOf(pair('RegisteredModelTag')),
  aliases: listOf(part('RegisteredModelAlias', { alias: TEXT, version: TEXT })),
});

/** A database as MLflow's migrations leave it: its tables, in SQL that SQLite and PostgreSQL read. */
export function mlflowTables(version: '2.22' | '3.17'): string {
  const isNew = version === '3.17';
  const workspace = isNew ? `, workspace VARCHAR(63) DEFAULT 'default' NOT NULL` : '';
  return `CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
    INSERT INTO alembic_version VALUES ('${isNew ? 'dc11669786a5' : '0584bdc529eb'}');
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
      lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT${workspace});
    CREATE TABLE experiment_tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(5000), experiment_id INTEGER NOT NULL,
      PRIMARY KEY ("key", experiment_id));
    CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500),
      entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
      source_version VARCHAR(50), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER,
      deleted_time BIGINT);
    CREATE TABLE params ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL,
      PRIMARY KEY ("key", run_uuid));
    CREATE TABLE tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL,
      PRIMARY KEY ("key", run_uuid));
    CREATE TABLE metrics ("key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
      run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT 0 NOT NULL, is_nan BOOLEAN DEFAULT FALSE NOT NULL,
      PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan));
    CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
    CREATE TABLE latest_metrics ("key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT, step BIGINT NOT NULL,
      is_nan BOOLEAN NOT NULL, run_uuid VARCHAR(32) NOT NULL, PRIMARY KEY ("key", run_uuid));
    CREATE TABLE datasets (dataset_uuid VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, name VARCHAR(500) NOT NULL,
      digest VARCHAR(36) NOT NULL, dataset_source_type VARCHAR(36) NOT NULL, dataset_source TEXT NOT NULL,
      dataset_schema TEXT, dataset_profile TEXT, PRIMARY KEY (experiment_id, name, digest));
    CREATE TABLE inputs (input_uuid VARCHAR(36) NOT NULL, source_type VARCHAR(36) NOT NULL, source_id VARCHAR(36) NOT NULL,
      destination_type VARCHAR(36) NOT NULL, destination_id VARCHAR(36) NOT NULL${isNew ? ', step BIGINT DEFAULT 0 NOT NULL' : ''},
      PRIMARY KEY (source_type, source_id, destination_type, destination_id));
    CREATE TABLE input_tags (input_uuid VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, value VARCHAR(500) NOT NULL,
      PRIMARY KEY (input_uuid, name));
    CREATE TABLE registered_models (name VARCHAR(256) NOT NULL PRIMARY KEY, creation_time BIGINT, last_updated_time BIGINT,
      description VARCHAR(5000)${workspace});
    CREATE TABLE registered_model_tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(5000), name VARCHAR(256) NOT NULL${workspace});
    CREATE TABLE registered_model_aliases (alias VARCHAR(256) NOT NULL, version INTEGER NOT NULL, name VARCHAR(256) NOT NULL${workspace});
    CREATE TABLE model_versions (name VARCHAR(256) NOT NULL, version INTEGER NOT NULL, creation_time BIGINT,
      last_updated_time BIGINT, description VARCHAR(5000), user_id VARCHAR(256), current_stage VARCHAR(20),
      source VARCHAR(500), run_id VARCHAR(32), status VARCHAR(20), status_message VARCHAR(500), run_link VARCHAR(500),
      storage_location VARCHAR(500)${workspace}, PRIMARY KEY (name, version));
    CREATE TABLE model_version_tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(5000), name VARCHAR(256) NOT NULL,
      version INTEGER NOT NULL${workspace});
    CREATE TABLE trace_info (request_id VARCHAR(50) PRIMARY KEY, experiment_id INTEGER NOT NULL, timestamp_ms BIGINT NOT NULL,
      execution_time_ms BIGINT, status VARCHAR(50) NOT NULL${isNew ? ', client_request_id VARCHAR(50), request_preview VARCHAR(1000), response_preview VARCHAR(1000), ' + TRACE_COLUMNS : ''});
    CREATE TABLE trace_tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000), request_id VARCHAR(50) NOT NULL,
      PRIMARY KEY ("key", request_id));
    CREATE TABLE trace_request_metadata ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000), request_id VARCHAR(50) NOT NULL,
      PRIMARY KEY ("key", request_id));
    ${isNew ? NEW_TABLES : ''}`;
}

/** What MLflow 3.17 moved from tags and metadata of traces into columns, with the types that its own client makes. */
const TRACE_COLUMNS = `db_payload_generation INTEGER DEFAULT 0 NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250),
      input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT,
      cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT,
      input_cost DOUBLE PRECISION, output_cost DOUBLE PRECISION, total_cost DOUBLE PRECISION`;

/** Those that a trace's tags and metadata went to. */
export const TRACE_COLUMN_NAMES = [...TRACE_COLUMNS.matchAll(/(\w+) (?:VARCHAR|BIGINT|DOUBLE)/g)].map(
  ([, name = '']) => name,
);

const NEW_TABLES = `CREATE TABLE logged_models (model_id VARCHAR(36) PRIMARY KEY, experiment_id INTEGER NOT NULL,
      name VARCHAR(500) NOT NULL, artifact_location VARCHAR(1000) NOT NULL, creation_timestamp_ms BIGINT NOT NULL,
      last_updated_timestamp_ms BIGINT NOT NULL, status INTEGER NOT NULL, lifecycle_stage VARCHAR(32),
      model_type VARCHAR(500), source_run_id VARCHAR(32), status_message VARCHAR(1000));
    CREATE TABLE logged_model_metrics (model_id VARCHAR(36) NOT NULL, metric_name VARCHAR(500) NOT NULL,
      metric_timestamp_ms BIGINT NOT NULL, metric_step BIGINT NOT NULL, metric_value FLOAT, experiment_id INTEGER NOT NULL,
      run_id VARCHAR(32) NOT NULL, dataset_uuid VARCHAR(36), dataset_name VARCHAR(500), dataset_digest VARCHAR(36),
      PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id));
    CREATE TABLE logged_model_params (model_id VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL,
      param_key VARCHAR(255) NOT NULL, param_value TEXT NOT NULL, PRIMARY KEY (model_id, param_key));
    CREATE TABLE logged_model_tags (model_id VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL,
      tag_key VARCHAR(255) NOT NULL, tag_value TEXT NOT NULL, PRIMARY KEY (model_id, tag_key));
    CREATE TABLE spans (trace_id VARCHAR(50) NOT NULL, experiment_id INTEGER NOT NULL, span_id VARCHAR(50) NOT NULL,
      parent_span_id VARCHAR(50), name TEXT, type VARCHAR(500), status VARCHAR(50) NOT NULL,
      start_time_unix_nano BIGINT NOT NULL, end_time_unix_nano BIGINT, content TEXT NOT NULL,
      input_cost DOUBLE PRECISION, output_cost DOUBLE PRECISION, total_cost DOUBLE PRECISION, model_name VARCHAR(500),
      model_provider VARCHAR(500), PRIMARY KEY (trace_id, span_id));
    CREATE TABLE entity_associations (association_id VARCHAR(36) NOT NULL, source_type VARCHAR(36) NOT NULL,
      source_id VARCHAR(36) NOT NULL, destination_type VARCHAR(36) NOT NULL, destination_id VARCHAR(36) NOT NULL,
      created_time BIGINT, PRIMARY KEY (source_type, source_id, destination_type, destination_id));
    CREATE TABLE assessments (assessment_id VARCHAR(50) PRIMARY KEY, trace_id VARCHAR(50) NOT NULL, name VARCHAR(250) NOT NULL,
      assessment_type VARCHAR(50) NOT NULL, value TEXT NOT NULL, error TEXT, created_timestamp BIGINT NOT NULL,
      last_updated_timestamp BIGINT NOT NULL, source_type VARCHAR(50) NOT NULL, source_id VARCHAR(250), run_id VARCHAR(32),
      span_id VARCHAR(50), rationale TEXT, overrides VARCHAR(50), valid BOOLEAN NOT NULL, assessment_metadata TEXT,
      experiment_id INTEGER, trace_timestamp_ms BIGINT, aggregate_value DOUBLE PRECISION,
      is_numeric_value BOOLEAN DEFAULT FALSE NOT NULL);`;

export const FIRST_RUN = 'a'.repeat(32);
export const DELETED_RUN = 'b'.repeat(32);
export const LOGGED_MODEL = `m-${'c'.repeat(32)}`;

/**
 * What a team left in such a database: three experiments, one of them deleted; a run with all that a run may
 * have; a model with three versions, the last deleted; a trace. Its files lie below `artifacts`.
 */
export function mlflowRows(version: '2.22' | '3.17', artifacts: string): string {
  const isNew = version === '3.17';
  const columns = 'experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time';
  return `INSERT INTO experiments (${columns}) VALUES (0, 'Default', '${artifacts}/0', 'active', 5, 5),
      (3, 'flights', 'mlflow-artifacts:/3', 'active', 10, 20), (7, 'old', 's3://bucket/7', 'deleted', 11, 30);
    INSERT INTO experiment_tags VALUES ('team', 'blue', 3);
    INSERT INTO runs VALUES
      ('${FIRST_RUN}', 'first', 'LOCAL', '', '', 'ann', 'FINISHED', 100, 200, '', 'active', 'mlflow-artifacts:/3/${FIRST_RUN}/artifacts', 3, NULL),
      ('${DELETED_RUN}', 'gone', 'LOCAL', '', '', 'ben', 'FAILED', 100, NULL, '', 'deleted', 's3://bucket/7/${DELETED_RUN}/artifacts', 7, 300);
    INSERT INTO params VALUES ('lr', '0.1', '${FIRST_RUN}'), ('depth', '3', '${FIRST_RUN}');
    INSERT INTO tags VALUES ('mlflow.runName', 'first', '${FIRST_RUN}'), ('note', 'größer', '${FIRST_RUN}');
    INSERT INTO metrics VALUES ('auc', 0.5, 110, '${FIRST_RUN}', 0, FALSE), ('auc', 0.75, 120, '${FIRST_RUN}', 1, FALSE),
      ('nan', 0, 110, '${FIRST_RUN}', 0, TRUE), ('inf', 1.7976931348623157e308, 110, '${FIRST_RUN}', 0, FALSE);
    INSERT INTO latest_metrics VALUES ('auc', 0.75, 120, 1, FALSE, '${FIRST_RUN}'), ('nan', 0, 110, 0, TRUE, '${FIRST_RUN}'),
      ('inf', 1.7976931348623157e308, 110, 0, FALSE, '${FIRST_RUN}');
    INSERT INTO datasets VALUES ('d1', 3, 'train', 'abc', 'local', '{"uri": "train.csv"}', NULL, '{"rows": 2}');
    INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) VALUES ('i1', 'DATASET', 'd1', 'RUN', '${FIRST_RUN}');
    INSERT INTO input_tags VALUES ('i1', 'mlflow.data.context', 'training'), ('i1', 'extra', 'yes');
    INSERT INTO registered_models (name, creation_time, last_updated_time, description) VALUES ('clf', 40, 50, 'a classifier');
    INSERT INTO registered_model_tags ("key", value, name) VALUES ('team', 'blue', 'clf');
    INSERT INTO registered_model_aliases (alias, version, name) VALUES ('champion', 1, 'clf');
    INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, run_link, storage_location) VALUES
      ('clf', 1, 41, 42, 'good', 'ann', 'Production', ${
        isNew
          ? `'models:/${LOGGED_MODEL}', '${FIRST_RUN}', 'READY', NULL, 'mlflow-artifacts:/3/models/${LOGGED_MODEL}/artifacts'`
          : `'mlflow-artifacts:/3/${FIRST_RUN}/artifacts/model', '${FIRST_RUN}', 'READY', NULL, NULL`
      }),
      ('clf', 2, 43, 44, NULL, NULL, 'None', 's3://bucket/model', NULL, 'READY', NULL, NULL),
      ('clf', 3, 45, 46, NULL, NULL, 'Deleted_Internal', 'REDACTED-SOURCE-PATH', 'REDACTED-RUN-ID', 'READY', 'REDACTED-RUN-LINK', NULL);
    INSERT INTO model_version_tags ("key", value, name, version) VALUES ('ok', 'yes', 'clf', 1);
    INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status) VALUES ('tr-1', 3, 150, 25, 'OK');
    INSERT INTO trace_tags VALUES ('mlflow.artifactLocation', 'mlflow-artifacts:/3/traces/tr-1/artifacts', 'tr-1'),
      ${isNew ? `('mlflow.trace.spansLocation', 'TRACKING_STORE', 'tr-1')` : `('mlflow.traceName', 'predict', 'tr-1')`};
    INSERT INTO trace_request_metadata VALUES ('mlflow.sourceRun', '${FIRST_RUN}', 'tr-1');
    ${isNew ? NEW_ROWS : ''}`;
}

const NEW_ROWS = `UPDATE trace_info SET trace_name = 'predict', session_id = 's-1', input_tokens = 10, output_tokens = 5,
      total_tokens = 15, input_cost = 0.00001, output_cost = 2, total_cost = 2.00001 WHERE request_id = 'tr-1';
    INSERT INTO logged_models VALUES ('${LOGGED_MODEL}', 3, 'model', 'mlflow-artifacts:/3/models/${LOGGED_MODEL}/artifacts',
      60, 70, 2, 'active', NULL, '${FIRST_RUN}', NULL);
    INSERT INTO logged_model_metrics VALUES ('${LOGGED_MODEL}', 'auc', 120, 1, 0.75, 3, '${FIRST_RUN}', 'd1', 'train', 'abc'),
      ('${LOGGED_MODEL}', 'nan', 110, 0, 0, 3, '${FIRST_RUN}', NULL, NULL, NULL);
    INSERT INTO logged_model_params VALUES ('${LOGGED_MODEL}', 3, 'lr', '0.1');
    INSERT INTO logged_model_tags VALUES ('${LOGGED_MODEL}', 3, 'a', 'b');
    INSERT INTO inputs VALUES ('i2', 'RUN_OUTPUT', '${FIRST_RUN}', 'MODEL_OUTPUT', '${LOGGED_MODEL}', 4);
    INSERT INTO spans (trace_id, experiment_id, span_id, parent_span_id, name, type, status, start_time_unix_nano, end_time_unix_nano, content) VALUES ('tr-1', 3, 's2', 's1', 'inner', 'UNKNOWN', 'OK', 151000000, 152000000, '{"name": "inner", "x": "a\\u0000b"}'),
      ('tr-1', 3, 's1', NULL, 'predict', 'CHAIN', 'OK', 150000000, 175000000, '{"name": "predict"}');
    INSERT INTO entity_associations VALUES ('l-1', 'trace', 'tr-1', 'run', '${DELETED_RUN}', 160),
      ('l-2', 'trace', 'tr-1', 'prompt_version', 'question/1', 160),
      ('l-3', 'evaluation_dataset', 'd-1', 'experiment', '3', 160);
    INSERT INTO assessments (assessment_id, trace_id, name, assessment_type, value, error, created_timestamp, last_updated_timestamp, source_type, source_id, run_id, span_id, rationale, overrides, valid, assessment_metadata) VALUES
      ('a-1', 'tr-1', 'right', 'feedback', 'false', NULL, 160, 161, 'LLM_JUDGE', 'judge', NULL, NULL, 'too short', NULL, FALSE, '{"k": "v"}'),
      ('a-2', 'tr-1', 'right', 'feedback', 'true', NULL, 170, 171, 'HUMAN', 'ann', NULL, 's1', NULL, 'a-1', TRUE, NULL),
      ('a-3', 'tr-1', 'answer', 'expectation', '["a", 1.5]', NULL, 180, 181, 'HUMAN', NULL, NULL, NULL, NULL, NULL, TRUE, NULL),
      ('a-4', 'tr-1', 'odd', 'rumour', 'true', NULL, 190, 191, 'HUMAN', NULL, NULL, NULL, NULL, NULL, TRUE, NULL);`;

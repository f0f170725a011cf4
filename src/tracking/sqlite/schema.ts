import { accessTables, cacheGrants } from '../access/schema.ts';
import { askedForColumns, protectionTables } from '../protection/schema.ts';
import { timeOfDefault } from '../time-of-default.ts';
import { uploadTables } from '../uploads/schema.ts';
import { webhookTables } from '../webhooks/schema.ts';

/**
 * MLflow's data model (its SQL store of 2.22, by its own names where it has them). Numbered: a released
 * step is never edited.
 */
export const TRACKING_MIGRATIONS: readonly string[] = [
  `CREATE TABLE experiments (
     experiment_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
     lifecycle_stage TEXT NOT NULL DEFAULT 'active', creation_time INTEGER NOT NULL, last_update_time INTEGER NOT NULL);
   CREATE TABLE runs (
     run_uuid TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('RUNNING', 'FINISHED', 'FAILED', 'KILLED')),
     start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT NOT NULL DEFAULT 'active', user_id TEXT NOT NULL DEFAULT '')
     WITHOUT ROWID;
   CREATE INDEX runs_by_experiment ON runs (experiment_id, start_time DESC);
   CREATE TABLE params (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
   CREATE TABLE tags (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
   CREATE TABLE metrics (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, step INTEGER NOT NULL,
     timestamp INTEGER NOT NULL, value REAL NOT NULL, is_nan INTEGER NOT NULL,
     PRIMARY KEY (run_uuid, key, step, timestamp, value, is_nan)) WITHOUT ROWID;
   CREATE TABLE latest_metrics (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value REAL NOT NULL,
     timestamp INTEGER NOT NULL, step INTEGER NOT NULL, is_nan INTEGER NOT NULL, PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
   CREATE TABLE datasets (dataset_uuid TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments,
     name TEXT NOT NULL, digest TEXT NOT NULL, dataset_source_type TEXT NOT NULL, dataset_source TEXT NOT NULL,
     dataset_schema TEXT, dataset_profile TEXT, UNIQUE (experiment_id, name, digest)) WITHOUT ROWID;
   CREATE TABLE inputs (run_uuid TEXT NOT NULL REFERENCES runs, dataset_uuid TEXT NOT NULL REFERENCES datasets,
     context TEXT NOT NULL, PRIMARY KEY (run_uuid, dataset_uuid, context)) WITHOUT ROWID;
   CREATE TABLE artifacts (run_uuid TEXT NOT NULL REFERENCES runs, path TEXT NOT NULL, digest TEXT NOT NULL,
     size INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (run_uuid, path)) WITHOUT ROWID;
   CREATE TABLE registered_models (name TEXT PRIMARY KEY, creation_time INTEGER NOT NULL,
     last_updated_time INTEGER NOT NULL, description TEXT, next_version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
   CREATE TABLE model_versions (name TEXT NOT NULL REFERENCES registered_models ON UPDATE CASCADE, version INTEGER NOT NULL,
     model_digest TEXT NOT NULL, model_size INTEGER NOT NULL, run_id TEXT, description TEXT,
     creation_time INTEGER NOT NULL, PRIMARY KEY (name, version), UNIQUE (name, model_digest)) WITHOUT ROWID;
   CREATE TABLE model_version_tags (name TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (name, version, key), FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE) WITHOUT ROWID;
   CREATE TABLE registered_model_aliases (name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
     PRIMARY KEY (name, alias), FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE) WITHOUT ROWID;
   CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
     name TEXT NOT NULL, before TEXT, after TEXT);
   INSERT INTO experiments (experiment_id, name, creation_time, last_update_time) VALUES (0, 'Default', 0, 0);`,
  // The cursor of the journal, results that were shown, deletion; children are found by their parent.
  `ALTER TABLE runs ADD COLUMN journal_seq INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE runs ADD COLUMN deleted_time INTEGER;
   CREATE TABLE results (fingerprint TEXT PRIMARY KEY, run_uuid TEXT NOT NULL REFERENCES runs) WITHOUT ROWID;
   CREATE INDEX children ON tags (value) WHERE key = 'mlflow.parentRunId';`,
  // What MLflow's clients write beside recipes: tags and places of experiments, the status SCHEDULED.
  `ALTER TABLE experiments ADD COLUMN artifact_location TEXT;
   CREATE TABLE experiment_tags (experiment_id INTEGER NOT NULL REFERENCES experiments, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (experiment_id, key)) WITHOUT ROWID;
   CREATE TABLE new_runs (
     run_uuid TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
     start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT NOT NULL DEFAULT 'active', user_id TEXT NOT NULL DEFAULT '',
     journal_seq INTEGER NOT NULL DEFAULT 0, deleted_time INTEGER) WITHOUT ROWID;
   INSERT INTO new_runs SELECT run_uuid, experiment_id, name, status, start_time, end_time, lifecycle_stage, user_id, journal_seq,
     deleted_time FROM runs;
   DROP TABLE runs;
   ALTER TABLE new_runs RENAME TO runs;
   CREATE INDEX runs_by_experiment ON runs (experiment_id, start_time DESC);
   ALTER TABLE registered_models ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
   CREATE TABLE registered_model_tags (name TEXT NOT NULL REFERENCES registered_models ON UPDATE CASCADE ON DELETE CASCADE,
     key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
   CREATE TABLE new_model_versions (name TEXT NOT NULL REFERENCES registered_models ON UPDATE CASCADE, version INTEGER NOT NULL,
     model_digest TEXT, model_size INTEGER, run_id TEXT, description TEXT, creation_time INTEGER NOT NULL,
     last_updated_time INTEGER NOT NULL, user_id TEXT NOT NULL DEFAULT '', source TEXT, run_link TEXT,
     current_stage TEXT NOT NULL DEFAULT 'None', status TEXT NOT NULL DEFAULT 'READY', deleted INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (name, version)) WITHOUT ROWID;
   INSERT INTO new_model_versions (name, version, model_digest, model_size, run_id, description, creation_time, last_updated_time)
     SELECT name, version, model_digest, model_size, run_id, description, creation_time, creation_time FROM model_versions;
   DROP TABLE model_versions;
   ALTER TABLE new_model_versions RENAME TO model_versions;
   CREATE INDEX versions_by_digest ON model_versions (model_digest, name);
   CREATE VIEW models_by_digest AS SELECT * FROM model_versions WHERE model_digest IS NOT NULL AND deleted = 0;
   CREATE TABLE input_tags (run_uuid TEXT NOT NULL, dataset_uuid TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (run_uuid, dataset_uuid, key)) WITHOUT ROWID;
   CREATE TABLE files (path TEXT PRIMARY KEY, digest TEXT NOT NULL, size INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;`,
  // Models that MLflow 3's clients log: beside runs, which give and take them. Traces of calls.
  `CREATE TABLE logged_models (
     model_id TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED')),
     model_type TEXT NOT NULL DEFAULT '', source_run_id TEXT NOT NULL DEFAULT '', creation_time INTEGER NOT NULL,
     last_updated_time INTEGER NOT NULL, lifecycle_stage TEXT NOT NULL DEFAULT 'active') WITHOUT ROWID;
   CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, creation_time DESC);
   CREATE TABLE logged_model_tags (model_id TEXT NOT NULL REFERENCES logged_models, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (model_id, key)) WITHOUT ROWID;
   CREATE TABLE logged_model_params (model_id TEXT NOT NULL REFERENCES logged_models, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (model_id, key)) WITHOUT ROWID;
   CREATE TABLE logged_model_metrics (model_id TEXT NOT NULL REFERENCES logged_models, key TEXT NOT NULL,
     run_uuid TEXT NOT NULL REFERENCES runs, step INTEGER NOT NULL, timestamp INTEGER NOT NULL, value REAL NOT NULL,
     is_nan INTEGER NOT NULL, dataset_name TEXT NOT NULL DEFAULT '', dataset_digest TEXT NOT NULL DEFAULT '',
     PRIMARY KEY (model_id, key, run_uuid, step, timestamp, value, is_nan, dataset_name, dataset_digest)) WITHOUT ROWID;
   CREATE TABLE run_models (run_uuid TEXT NOT NULL REFERENCES runs, role TEXT NOT NULL CHECK (role IN ('input', 'output')),
     model_id TEXT NOT NULL REFERENCES logged_models, step INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (run_uuid, role, model_id)) WITHOUT ROWID;
   CREATE TABLE traces (
     trace_id TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments, request_time INTEGER NOT NULL,
     execution_ms INTEGER, state TEXT NOT NULL CHECK (state IN ('STATE_UNSPECIFIED', 'IN_PROGRESS', 'OK', 'ERROR')),
     client_request_id TEXT, request_preview TEXT, response_preview TEXT) WITHOUT ROWID;
   CREATE INDEX traces_by_experiment ON traces (experiment_id, request_time DESC);
   CREATE TABLE trace_tags (trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (trace_id, key)) WITHOUT ROWID;
   CREATE TABLE trace_metadata (trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (trace_id, key)) WITHOUT ROWID;`,
  // Runs are found by a value of theirs.
  `CREATE INDEX metrics_by_value ON latest_metrics (key, value);
   CREATE INDEX params_by_value ON params (key, value);
   CREATE INDEX tags_by_value ON tags (key, value);`,
  accessTables('sqlite'),
  protectionTables('sqlite'),
  // The latest metrics a second time, key by key in the order of runs: a write of many keys grows each at
  // its end, some hundred runs at once. Until then a run is stale, and its metrics are read where they are.
  `DROP INDEX metrics_by_value;
   ALTER TABLE runs ADD COLUMN run_seq INTEGER;
   UPDATE runs SET run_seq = numbered.seq FROM (SELECT run_uuid, row_number() OVER (ORDER BY start_time, run_uuid) AS seq FROM runs) AS numbered
     WHERE numbered.run_uuid = runs.run_uuid;
   CREATE UNIQUE INDEX runs_by_seq ON runs (run_seq);
   CREATE TRIGGER run_numbered AFTER INSERT ON runs BEGIN
     UPDATE runs SET run_seq = (SELECT coalesce(max(run_seq), 0) + 1 FROM runs) WHERE run_uuid = NEW.run_uuid;
   END;
   CREATE TABLE metric_columns (key TEXT NOT NULL, run_seq INTEGER NOT NULL, value REAL NOT NULL, is_nan INTEGER NOT NULL,
     PRIMARY KEY (key, run_seq)) WITHOUT ROWID;
   INSERT INTO metric_columns SELECT l.key, r.run_seq, l.value, l.is_nan FROM latest_metrics l JOIN runs r USING (run_uuid) ORDER BY 1, 2;
   CREATE TABLE stale_runs (id INTEGER PRIMARY KEY, run_uuid TEXT NOT NULL UNIQUE);
   CREATE TRIGGER latest_metric_written AFTER INSERT ON latest_metrics BEGIN
     INSERT INTO stale_runs (run_uuid) VALUES (NEW.run_uuid) ON CONFLICT (run_uuid) DO NOTHING;
   END;
   CREATE TRIGGER latest_metric_changed AFTER UPDATE ON latest_metrics BEGIN
     INSERT INTO stale_runs (run_uuid) VALUES (NEW.run_uuid) ON CONFLICT (run_uuid) DO NOTHING;
   END;
   CREATE TRIGGER latest_metric_deleted AFTER DELETE ON latest_metrics BEGIN
     DELETE FROM metric_columns WHERE key = OLD.key AND run_seq = (SELECT run_seq FROM runs WHERE run_uuid = OLD.run_uuid);
   END;
   CREATE TRIGGER stale_runs_full AFTER INSERT ON stale_runs WHEN NEW.id >= 256 BEGIN
     INSERT INTO metric_columns SELECT l.key, r.run_seq, l.value, l.is_nan
       FROM stale_runs s CROSS JOIN runs r USING (run_uuid) CROSS JOIN latest_metrics l USING (run_uuid)
       ORDER BY 1, 2 ON CONFLICT DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan;
     DELETE FROM stale_runs;
   END;
   CREATE VIEW metric_values AS
     SELECT r.run_uuid, c.key, c.value, c.is_nan FROM metric_columns c CROSS JOIN runs r ON r.run_seq = c.run_seq
       WHERE NOT EXISTS (SELECT 1 FROM stale_runs s WHERE s.run_uuid = r.run_uuid)
     UNION ALL
     SELECT l.run_uuid, l.key, l.value, l.is_nan FROM stale_runs s CROSS JOIN latest_metrics l USING (run_uuid);`,
  // What people, judges and code think of traces, what traces consist of, and what they belong to.
  `CREATE TABLE assessments (
     assessment_id TEXT PRIMARY KEY, trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE, name TEXT NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('feedback', 'expectation', 'issue')), value TEXT NOT NULL, number REAL, error TEXT,
     source_type TEXT NOT NULL, source_id TEXT, span_id TEXT, rationale TEXT, metadata TEXT NOT NULL, overrides TEXT,
     valid INTEGER NOT NULL DEFAULT 1, created_time INTEGER NOT NULL, last_updated_time INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX assessments_by_trace ON assessments (trace_id, created_time);
   CREATE TABLE spans (trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE, span_id TEXT NOT NULL, name TEXT NOT NULL,
     type TEXT NOT NULL, status TEXT NOT NULL, start_time TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;
   CREATE TABLE trace_links (trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE,
     kind TEXT NOT NULL CHECK (kind IN ('run', 'prompt')), target TEXT NOT NULL, PRIMARY KEY (kind, target, trace_id)) WITHOUT ROWID;
   CREATE INDEX trace_links_by_trace ON trace_links (trace_id);
   CREATE TABLE evaluation_datasets (dataset_id TEXT PRIMARY KEY, name TEXT NOT NULL, schema TEXT, digest TEXT NOT NULL,
     record_count INTEGER NOT NULL DEFAULT 0, created_time INTEGER NOT NULL, last_update_time INTEGER NOT NULL, created_by TEXT,
     last_updated_by TEXT) WITHOUT ROWID;
   CREATE TABLE evaluation_dataset_tags (dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,
     key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (dataset_id, key)) WITHOUT ROWID;
   CREATE TABLE evaluation_dataset_experiments (dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,
     experiment_id INTEGER NOT NULL REFERENCES experiments, PRIMARY KEY (dataset_id, experiment_id)) WITHOUT ROWID;
   CREATE TABLE evaluation_dataset_records (record_id TEXT PRIMARY KEY,
     dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE, inputs TEXT NOT NULL, outputs TEXT,
     expectations TEXT, tags TEXT NOT NULL, source TEXT, source_id TEXT, source_type TEXT, created_time INTEGER NOT NULL,
     last_update_time INTEGER NOT NULL, created_by TEXT, last_updated_by TEXT, input_hash TEXT NOT NULL,
     UNIQUE (dataset_id, input_hash)) WITHOUT ROWID;
   CREATE INDEX records_by_time ON evaluation_dataset_records (dataset_id, created_time, record_id);`,
  webhookTables('sqlite'),
  uploadTables('sqlite'),
  // Each point once: the latest ones stay where they are, the others beside them. A latest point that is not the
  // greatest, or is missing, as an import of a run that was under way had left it, is put right first.
  `INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)
     SELECT run_uuid, key, step, timestamp, value, is_nan FROM metrics m
       WHERE NOT EXISTS (SELECT 1 FROM latest_metrics l WHERE l.run_uuid = m.run_uuid AND l.key = m.key)
       ORDER BY run_uuid, key, step, timestamp, value, is_nan
     ON CONFLICT DO UPDATE SET step = excluded.step, timestamp = excluded.timestamp, value = excluded.value, is_nan = excluded.is_nan;
   UPDATE latest_metrics SET (step, timestamp, value, is_nan) = (SELECT step, timestamp, value, is_nan FROM metrics m
       WHERE m.run_uuid = latest_metrics.run_uuid AND m.key = latest_metrics.key ORDER BY step DESC, timestamp DESC, value DESC, is_nan DESC LIMIT 1)
     WHERE EXISTS (SELECT 1 FROM metrics m WHERE m.run_uuid = latest_metrics.run_uuid AND m.key = latest_metrics.key
       AND (m.step, m.timestamp, m.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value));
   ALTER TABLE metrics RENAME TO earlier_metrics;
   DELETE FROM earlier_metrics WHERE EXISTS (SELECT 1 FROM latest_metrics l WHERE l.run_uuid = earlier_metrics.run_uuid
     AND l.key = earlier_metrics.key AND l.step = earlier_metrics.step AND l.timestamp = earlier_metrics.timestamp
     AND l.value = earlier_metrics.value AND l.is_nan = earlier_metrics.is_nan);
   CREATE VIEW metrics AS
     SELECT run_uuid, key, step, timestamp, value, is_nan FROM earlier_metrics
     UNION ALL
     SELECT run_uuid, key, step, timestamp, value, is_nan FROM latest_metrics;`,
  // With which number the versions of a name go on: a name outlives its models. Those that there were are read from
  // the audit. A model's history goes on under the name that it had before.
  `CREATE TABLE model_numbers (name TEXT PRIMARY KEY, next_version INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO model_numbers SELECT name, max(CAST(after AS INTEGER)) + 1 FROM audit
     WHERE action IN ('register', 'import') AND name NOT IN (SELECT name FROM registered_models) GROUP BY name;
   UPDATE registered_models SET next_version = given.next_version
     FROM (SELECT name, max(CAST(after AS INTEGER)) + 1 AS next_version FROM audit WHERE action IN ('register', 'import') GROUP BY name) AS given
     WHERE given.name = registered_models.name AND given.next_version > registered_models.next_version;
   CREATE INDEX audit_renames ON audit (before, id) WHERE action = 'rename';`,
  // A file's bytes are pinned by a name that no other file has; null: by its path, as until then.
  `ALTER TABLE files ADD COLUMN pin TEXT`,
  askedForColumns('sqlite'),
  cacheGrants('sqlite'),
  timeOfDefault('sqlite'),
];

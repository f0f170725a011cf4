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
];

BEGIN TRANSACTION;
CREATE TABLE artifacts (run_uuid TEXT NOT NULL REFERENCES runs, path TEXT NOT NULL, digest TEXT NOT NULL,
     size INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (run_uuid, path)) WITHOUT ROWID;
INSERT INTO artifacts VALUES('bbbb','model','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',9,'model');
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
     name TEXT NOT NULL, before TEXT, after TEXT);
INSERT INTO audit VALUES(1,2000,'ada','register','delay',NULL,'1');
CREATE TABLE datasets (dataset_uuid TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments,
     name TEXT NOT NULL, digest TEXT NOT NULL, dataset_source_type TEXT NOT NULL, dataset_source TEXT NOT NULL,
     dataset_schema TEXT, dataset_profile TEXT, UNIQUE (experiment_id, name, digest)) WITHOUT ROWID;
INSERT INTO datasets VALUES('d1',1,'flights','abc','local','{"uri":"flights.csv"}',NULL,NULL);
CREATE TABLE experiments (
     experiment_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
     lifecycle_stage TEXT NOT NULL DEFAULT 'active', creation_time INTEGER NOT NULL, last_update_time INTEGER NOT NULL);
INSERT INTO experiments VALUES(0,'Default','active',0,0);
INSERT INTO experiments VALUES(1,'flights/delay','active',1000,1000);
CREATE TABLE inputs (run_uuid TEXT NOT NULL REFERENCES runs, dataset_uuid TEXT NOT NULL REFERENCES datasets,
     context TEXT NOT NULL, PRIMARY KEY (run_uuid, dataset_uuid, context)) WITHOUT ROWID;
INSERT INTO inputs VALUES('bbbb','d1','training');
CREATE TABLE latest_metrics (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value REAL NOT NULL,
     timestamp INTEGER NOT NULL, step INTEGER NOT NULL, is_nan INTEGER NOT NULL, PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
INSERT INTO latest_metrics VALUES('bbbb','loss',0.4,1300,2,0);
CREATE TABLE metrics (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, step INTEGER NOT NULL,
     timestamp INTEGER NOT NULL, value REAL NOT NULL, is_nan INTEGER NOT NULL,
     PRIMARY KEY (run_uuid, key, step, timestamp, value, is_nan)) WITHOUT ROWID;
INSERT INTO metrics VALUES('bbbb','loss',1,1200,0.5,0);
INSERT INTO metrics VALUES('bbbb','loss',2,1300,0.4,0);
CREATE TABLE model_version_tags (name TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (name, version, key), FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE) WITHOUT ROWID;
INSERT INTO model_version_tags VALUES('delay',1,'stockpot.verdict','VALIDATED');
CREATE TABLE model_versions (name TEXT NOT NULL REFERENCES registered_models ON UPDATE CASCADE, version INTEGER NOT NULL,
     model_digest TEXT NOT NULL, model_size INTEGER NOT NULL, run_id TEXT, description TEXT,
     creation_time INTEGER NOT NULL, PRIMARY KEY (name, version), UNIQUE (name, model_digest)) WITHOUT ROWID;
INSERT INTO model_versions VALUES('delay',1,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',9,'bbbb','first',2000);
CREATE TABLE params (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
INSERT INTO params VALUES('aaaa','train.learning_rate','0.1');
CREATE TABLE registered_model_aliases (name TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
     PRIMARY KEY (name, alias), FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE) WITHOUT ROWID;
INSERT INTO registered_model_aliases VALUES('delay','champion',1);
CREATE TABLE registered_models (name TEXT PRIMARY KEY, creation_time INTEGER NOT NULL,
     last_updated_time INTEGER NOT NULL, description TEXT, next_version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
INSERT INTO registered_models VALUES('delay',1000,2000,NULL,2);
CREATE TABLE runs (
     run_uuid TEXT PRIMARY KEY, experiment_id INTEGER NOT NULL REFERENCES experiments, name TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('RUNNING', 'FINISHED', 'FAILED', 'KILLED')),
     start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT NOT NULL DEFAULT 'active', user_id TEXT NOT NULL DEFAULT '')
     WITHOUT ROWID;
INSERT INTO runs VALUES('aaaa',1,'delay 20260101-1','FINISHED',1000,2000,'active','');
INSERT INTO runs VALUES('bbbb',1,'train','FINISHED',1100,1900,'active','');
CREATE TABLE tags (run_uuid TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (run_uuid, key)) WITHOUT ROWID;
INSERT INTO tags VALUES('aaaa','mlflow.runName','delay 20260101-1');
INSERT INTO tags VALUES('bbbb','mlflow.parentRunId','aaaa');
INSERT INTO tags VALUES('bbbb','mlflow.runName','train');
CREATE INDEX runs_by_experiment ON runs (experiment_id, start_time DESC);
DELETE FROM "sqlite_sequence";
INSERT INTO sqlite_sequence VALUES('experiments',1);
INSERT INTO sqlite_sequence VALUES('audit',1);
COMMIT;
PRAGMA user_version = 1;

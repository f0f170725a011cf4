BEGIN TRANSACTION;
CREATE TABLE blob (digest TEXT PRIMARY KEY, size REAL, mtime_ms REAL, ctime_ms REAL, ino REAL) WITHOUT ROWID;
CREATE TABLE fetched (uri TEXT PRIMARY KEY, etag TEXT, modified TEXT, digest TEXT, size REAL, at REAL) WITHOUT ROWID;
CREATE TABLE file (path TEXT PRIMARY KEY, dev REAL, ino REAL, size REAL, mtime_ms REAL, ctime_ms REAL, digest TEXT)
     WITHOUT ROWID;
CREATE TABLE flight (fingerprint TEXT PRIMARY KEY, pid INTEGER, boot TEXT, started TEXT, run TEXT, at REAL)
     WITHOUT ROWID;
CREATE TABLE kept (recipe TEXT, step TEXT, fingerprint TEXT, at REAL, PRIMARY KEY (recipe, step, fingerprint))
     WITHOUT ROWID;
CREATE TABLE plan (key TEXT PRIMARY KEY, asked TEXT NOT NULL, plan TEXT NOT NULL, used_at REAL) WITHOUT ROWID;
CREATE TABLE probe (key TEXT PRIMARY KEY, value TEXT, at REAL) WITHOUT ROWID;
INSERT INTO probe VALUES('k','v',1.0);
CREATE TABLE step (recipe TEXT, step TEXT, fingerprint TEXT, previous TEXT, run TEXT, at REAL, duration_ms REAL,
     PRIMARY KEY (recipe, step)) WITHOUT ROWID;
COMMIT;
PRAGMA user_version = 1;

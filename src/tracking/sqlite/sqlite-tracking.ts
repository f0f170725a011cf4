import { createHash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { failpoint } from '../../core/failpoint.ts';
import { immediate } from '../../db/sqlite.ts';
import type { TrackedRunWrite, Tracking, TrackingBatch } from '../../engine/ports.ts';

/** MLflow's limits: longer values are cut, as its clients do when told to. */
const MAX_PARAM = 6000;
const MAX_TAG = 8000;
const MAX_KEY = 250;
/** What MLflow stores for an infinity. */
const LARGEST = Number.MAX_VALUE;

/** Tracked runs in SQLite. Every write is an upsert, so that a batch may be written again. */
export class SqliteTracking implements Tracking {
  readonly #db: DatabaseSync;
  readonly #now: () => number;

  constructor(db: DatabaseSync, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async write({ experiment, runs }: TrackingBatch): Promise<void> {
    failpoint('tracking.before-write');
    immediate(this.#db, () => {
      const id = this.#experiment(experiment);
      const statements = new Statements(this.#db);
      for (const run of runs) writeRun(statements, id, run);
      failpoint('tracking.before-commit');
    });
    failpoint('tracking.after-commit');
  }

  /** Ends what an interrupted run left RUNNING: itself and the runs of its steps. */
  kill(run: string, at: number): void {
    this.#db
      .prepare(
        `UPDATE runs SET status = 'KILLED', end_time = ?2 WHERE status = 'RUNNING' AND (run_uuid = ?1 OR run_uuid IN
           (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?1))`,
      )
      .run(run, at);
  }

  #experiment(name: string): number {
    const now = this.#now();
    this.#db
      .prepare(
        'INSERT INTO experiments (name, creation_time, last_update_time) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING',
      )
      .run(name, now, now);
    return Number(
      this.#db.prepare('SELECT experiment_id FROM experiments WHERE name = ?').get(name)?.['experiment_id'],
    );
  }
}

/** Prepared once a batch. */
class Statements {
  readonly #db: DatabaseSync;
  readonly #known = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  run(sql: string, ...values: (string | number | null)[]): void {
    let statement = this.#known.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#known.set(sql, statement);
    }
    statement.run(...values);
  }
}

function writeRun(db: Statements, experiment: number, run: TrackedRunWrite): void {
  const { id } = run;
  db.run(
    `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time) VALUES (?, ?, ?, 'RUNNING', ?) ON CONFLICT DO NOTHING`,
    id,
    experiment,
    run.name ?? id,
    run.startTime ?? null,
  );
  // A run that has ended stays as it ended.
  if (run.status !== undefined)
    db.run(
      `UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND status = 'RUNNING'`,
      run.status,
      run.endTime ?? null,
      id,
    );
  for (const { key, value } of run.params ?? [])
    db.run(
      'INSERT INTO params VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      id,
      key.slice(0, MAX_KEY),
      value.slice(0, MAX_PARAM),
    );
  for (const { key, value } of [...tagsOf(run), ...(run.tags ?? [])])
    db.run(
      'INSERT OR REPLACE INTO tags VALUES (?, ?, ?)',
      id,
      key.slice(0, MAX_KEY),
      value.slice(0, MAX_TAG),
    );
  for (const { key, value, step, timestamp } of run.metrics ?? []) {
    const isNan = Number.isNaN(value) ? 1 : 0;
    const stored = isNan === 1 ? 0 : Math.max(-LARGEST, Math.min(LARGEST, value));
    db.run(
      'INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      id,
      key.slice(0, MAX_KEY),
      step,
      timestamp,
      stored,
      isNan,
    );
    db.run(
      `INSERT INTO latest_metrics VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp,
         step = excluded.step, is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value) >= (step, timestamp, value)`,
      id,
      key.slice(0, MAX_KEY),
      stored,
      timestamp,
      step,
      isNan,
    );
  }
  for (const dataset of run.datasets ?? []) {
    const uuid = createHash('sha256')
      .update(`${experiment}\0${dataset.name}\0${dataset.digest}`)
      .digest('hex')
      .slice(0, 32);
    db.run(
      'INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      uuid,
      experiment,
      dataset.name.slice(0, 500),
      dataset.digest.slice(0, 36),
      dataset.sourceType,
      dataset.source,
      dataset.schema ?? null,
      dataset.profile ?? null,
    );
    db.run('INSERT INTO inputs VALUES (?, ?, ?) ON CONFLICT DO NOTHING', id, uuid, dataset.context ?? '');
  }
  for (const { path, digest, size, kind } of run.artifacts ?? [])
    db.run('INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?, ?)', id, path, digest, size, kind);
}

function tagsOf({ name, parent }: TrackedRunWrite): { key: string; value: string }[] {
  return [
    ...(name === undefined ? [] : [{ key: 'mlflow.runName', value: name }]),
    ...(parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parent }]),
  ];
}

import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../../core/failpoint.ts';
import type { Fingerprint } from '../../core/ids.ts';
import { immediate } from '../../db/sqlite.ts';
import type {
  MetricWrite,
  RunPage,
  RunSearch,
  TrackedKeys,
  TrackedRunDetails,
  Tracking,
  TrackingBatch,
} from '../../engine/tracking-port.ts';
import { checkExperiment, checkRunWrite } from '../limits.ts';
import { readHistory, readKeys, readRunDetails } from './read-run.ts';
import { idsLike, searchRuns } from './search-runs.ts';
import { RunWriter } from './write-run.ts';

/** Tracked runs in SQLite. */
export class SqliteTracking implements Tracking {
  readonly #db: DatabaseSync;
  readonly #now: () => number;

  constructor(db: DatabaseSync, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async write({ experiment, runs, cursor }: TrackingBatch): Promise<void> {
    checkExperiment(experiment);
    for (const run of runs) checkRunWrite(run);
    failpoint('tracking.before-write');
    immediate(this.#db, () => {
      const writer = new RunWriter(this.#db, this.#experiment(experiment));
      for (const run of runs) writer.write(run);
      if (cursor !== undefined)
        this.#db
          .prepare('UPDATE runs SET journal_seq = max(journal_seq, ?) WHERE run_uuid = ?')
          .run(cursor.seq, cursor.run);
      failpoint('tracking.before-commit');
    });
    failpoint('tracking.after-commit');
  }

  async cursor(run: string): Promise<number> {
    const row = this.#db.prepare('SELECT journal_seq FROM runs WHERE run_uuid = ?').get(run);
    return Number(row?.['journal_seq'] ?? 0);
  }

  async unseen(fingerprints: readonly Fingerprint[]): Promise<ReadonlySet<Fingerprint>> {
    const rows = this.#db
      .prepare('SELECT value FROM json_each(?) WHERE value NOT IN (SELECT fingerprint FROM results)')
      .all(JSON.stringify(fingerprints));
    return new Set(rows.map((row) => row['value'] as Fingerprint));
  }

  async endOpen(run: string, at: number): Promise<void> {
    this.#db
      .prepare(
        `UPDATE runs SET status = 'KILLED', end_time = ?2 WHERE status = 'RUNNING' AND (run_uuid = ?1 OR run_uuid IN
           (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?1))`,
      )
      .run(run, at);
  }

  async search(search: RunSearch): Promise<RunPage> {
    return searchRuns(this.#db, search);
  }

  async read(id: string): Promise<TrackedRunDetails | undefined> {
    return readRunDetails(this.#db, id);
  }

  async history(run: string, key: string): Promise<readonly MetricWrite[]> {
    return readHistory(this.#db, run, key);
  }

  async idsLike(text: string): Promise<readonly string[]> {
    return idsLike(this.#db, text);
  }

  async keys(): Promise<TrackedKeys> {
    return readKeys(this.#db);
  }

  async remove(run: string, at: number): Promise<void> {
    this.#db
      .prepare(`UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_uuid = ?`)
      .run(at, run);
  }

  async restore(run: string): Promise<void> {
    this.#db
      .prepare(`UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE run_uuid = ?`)
      .run(run);
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

import { failpoint } from '../core/failpoint.ts';
import type { Fingerprint } from '../core/ids.ts';
import type { Database } from '../db/sql.ts';
import type {
  MetricWrite,
  RunPage,
  RunSearch,
  TrackedKeys,
  TrackedRunDetails,
  Tracking,
  TrackingBatch,
} from '../engine/tracking-port.ts';
import { checkExperiment, checkRunWrite } from './limits.ts';
import { inList, listOf } from './mlflow/in-list.ts';
import { writeBatch } from './write-batch.ts';

/** Tracked runs in a database, in the tables that the server reads. */
export class SqlTracking implements Tracking {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async write(batch: TrackingBatch): Promise<void> {
    checkExperiment(batch.experiment);
    for (const run of batch.runs) checkRunWrite(run);
    failpoint('tracking.before-write');
    await this.#database.write((sql) => writeBatch(sql, batch, this.#now()));
    failpoint('tracking.after-commit');
  }

  async cursor(run: string): Promise<number> {
    const row = await this.#database.read((sql) =>
      sql.get('SELECT journal_seq FROM runs WHERE run_uuid = ?', run),
    );
    return Number(row?.['journal_seq'] ?? 0);
  }

  async unseen(fingerprints: readonly Fingerprint[]): Promise<ReadonlySet<Fingerprint>> {
    const rows = await this.#database.read((sql) =>
      sql.all(
        `SELECT fingerprint FROM results WHERE fingerprint IN ${inList(sql, 'text')}`,
        listOf(fingerprints),
      ),
    );
    const seen = new Set(rows.map((row) => row['fingerprint']));
    return new Set(fingerprints.filter((one) => !seen.has(one)));
  }

  async endOpen(run: string, at: number): Promise<void> {
    await this.#database.write((sql) =>
      sql.run(
        `UPDATE runs SET status = 'KILLED', end_time = ? WHERE status = 'RUNNING' AND (run_uuid = ? OR run_uuid IN
           (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?))`,
        at,
        run,
        run,
      ),
    );
  }

  // What reads is loaded when it is asked for: a run that does nothing only writes.

  async search(search: RunSearch): Promise<RunPage> {
    const { searchTracked } = await import('./read-tracked.ts');
    return this.#database.read((sql) => searchTracked(sql, search));
  }

  async read(id: string): Promise<TrackedRunDetails | undefined> {
    const { readTracked } = await import('./read-tracked.ts');
    return this.#database.read((sql) => readTracked(sql, id));
  }

  async history(run: string, key: string): Promise<readonly MetricWrite[]> {
    const { readHistory } = await import('./read-tracked.ts');
    return this.#database.read((sql) => readHistory(sql, run, key));
  }

  async idsLike(text: string): Promise<readonly string[]> {
    const { idsLike } = await import('./read-tracked.ts');
    return this.#database.read((sql) => idsLike(sql, text));
  }

  async keys(): Promise<TrackedKeys> {
    const { readKeys } = await import('./read-tracked.ts');
    return this.#database.read(readKeys);
  }

  async remove(run: string, at: number): Promise<void> {
    await this.#move(run, 'deleted', at);
  }

  async restore(run: string): Promise<void> {
    await this.#move(run, 'active', null);
  }

  async #move(run: string, lifecycle: 'active' | 'deleted', at: number | null): Promise<void> {
    await this.#database.write((sql) =>
      sql.run('UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?', lifecycle, at, run),
    );
  }
}

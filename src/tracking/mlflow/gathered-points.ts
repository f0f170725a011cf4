import type { Database } from '../../db/sql.ts';
import { checkMetric, MAX_METRICS } from './check.ts';
import { logBatch } from './log.ts';
import type { NewMetric } from './messages.ts';

/** Points of one run that are written together. */
interface Batch {
  readonly metrics: NewMetric[];
  /** It takes no more. */
  isBegun: boolean;
  written: Promise<void>;
}

/**
 * Points of metrics that come one at a time. Those that come while others of their run are being written are
 * written together after them: a run takes one write at a time, and each would wait for the disk in its turn.
 */
export class GatheredPoints {
  readonly #database: Database;
  /** By run, the batch that came last, until it is written. */
  readonly #last = new Map<string, Batch>();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Resolves when the point is on the disk.
   *
   * @throws MlflowError RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE
   */
  async log(run: string, metric: NewMetric): Promise<void> {
    checkMetric(metric);
    const last = this.#last.get(run);
    if (last !== undefined && !last.isBegun && last.metrics.length < MAX_METRICS) {
      last.metrics.push(metric);
      return last.written;
    }
    const batch: Batch = { metrics: [metric], isBegun: false, written: Promise.resolve() };
    batch.written = this.#write(run, batch, last?.written);
    this.#last.set(run, batch);
    return batch.written;
  }

  async #write(run: string, batch: Batch, before: Promise<void> | undefined): Promise<void> {
    // Who waits for it is told if it fails.
    await before?.catch(() => undefined);
    batch.isBegun = true;
    try {
      await this.#database.write(
        (sql) => logBatch(sql, run, { metrics: batch.metrics, params: [], tags: [] }),
        'at-once',
      );
    } finally {
      if (this.#last.get(run) === batch) this.#last.delete(run);
    }
  }
}

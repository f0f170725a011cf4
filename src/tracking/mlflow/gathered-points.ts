import { isUnavailable } from '../../core/recipe-error.ts';
import type { Database } from '../../db/sql.ts';
import { pointOf } from './arrange-points.ts';
import { checkMetric, MAX_METRICS } from './check.ts';
import { logBatch } from './log.ts';
import { logPoints } from './log-points.ts';
import type { NewMetric } from './messages.ts';

/** A point that is not written yet, and who waits for it. */
interface Waiting {
  readonly run: string;
  readonly metric: NewMetric;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Points of metrics that come one at a time. Those that come while others are being written are written together
 * after them, of whatever runs: each would wait for the disk by itself. A run that somebody else holds keeps only
 * its own points waiting.
 */
export class GatheredPoints {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #isWriting = false;
  /** Runs whose points are being written without others. */
  readonly #alone = new Set<string>();

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
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ run, metric, resolve, reject });
    if (!this.#isWriting) void this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#write(batch);
    this.#isWriting = false;
  }

  /** What is written next, in the order in which it came. */
  #take(): Waiting[] {
    const [taken, left]: [Waiting[], Waiting[]] = [[], []];
    for (const one of this.#waiting)
      (taken.length < MAX_METRICS && !this.#alone.has(one.run) ? taken : left).push(one);
    this.#waiting = left;
    return taken;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const points = batch.map(({ run, metric }) => pointOf(run, metric));
      const refused = await this.#database.write((sql) => logPoints(sql, points), 'at-once');
      for (const { run, resolve, reject } of batch) {
        const refusal = refused.get(run);
        if (refusal === undefined) resolve();
        else reject(refusal);
      }
    } catch (error) {
      // What is wrong with one run, or who holds it, is nothing to the others: each hears its own.
      if (isUnavailable(error)) for (const { reject } of batch) reject(error);
      else for (const [run, own] of Map.groupBy(batch, ({ run }) => run)) void this.#writeAlone(run, own);
    }
  }

  /** Waits for who holds the run. */
  async #writeAlone(run: string, batch: readonly Waiting[]): Promise<void> {
    this.#alone.add(run);
    const metrics = batch.map(({ metric }) => metric);
    try {
      await this.#database.write((sql) => logBatch(sql, run, { metrics, params: [], tags: [] }), 'at-once');
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#alone.delete(run);
    if (!this.#isWriting) void this.#writeAll();
  }
}

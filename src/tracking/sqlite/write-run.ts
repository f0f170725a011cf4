import { createHash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RecipeError } from '../../core/recipe-error.ts';
import type { DatasetWrite, KeyValue, MetricWrite, TrackedRunWrite } from '../../engine/tracking-port.ts';

/** What MLflow stores for an infinity. */
const LARGEST = Number.MAX_VALUE;

/** Writes runs within one transaction; statements are prepared once. Each write is an upsert. */
export class RunWriter {
  readonly #db: DatabaseSync;
  readonly #experiment: number;
  readonly #known = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, experiment: number) {
    this.#db = db;
    this.#experiment = experiment;
  }

  /** @throws RecipeError PARAM_CHANGED, TRACKED_RUN_DELETED */
  write(run: TrackedRunWrite): void {
    const { id } = run;
    const tags = [...tagsOf(run), ...(run.tags ?? [])];
    const user = tags.findLast(({ key }) => key === 'mlflow.user')?.value ?? '';
    this.#run(
      `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time, user_id) VALUES (?, ?, ?, 'RUNNING', ?, ?) ON CONFLICT DO NOTHING`,
      id,
      this.#experiment,
      run.name ?? id,
      run.startTime ?? null,
      user,
    );
    if (this.#get('SELECT lifecycle_stage FROM runs WHERE run_uuid = ?', id)['lifecycle_stage'] === 'deleted')
      throw new RecipeError('TRACKED_RUN_DELETED', { id });
    // A run that has ended stays as it ended.
    if (run.status !== undefined)
      this.#run(
        `UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND status = 'RUNNING'`,
        run.status,
        run.endTime ?? null,
        id,
      );
    for (const param of run.params ?? []) this.#param(id, param);
    for (const { key, value } of tags)
      this.#run('INSERT OR REPLACE INTO tags VALUES (?, ?, ?)', id, key, value);
    for (const metric of run.metrics ?? []) this.#metric(id, metric);
    for (const dataset of run.datasets ?? []) this.#dataset(id, dataset);
    for (const { path, digest, size, kind } of run.artifacts ?? [])
      this.#run('INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?, ?)', id, path, digest, size, kind);
    if (run.result !== undefined)
      this.#run('INSERT INTO results VALUES (?, ?) ON CONFLICT DO NOTHING', run.result, id);
  }

  #param(run: string, { key, value }: KeyValue): void {
    if (this.#run('INSERT INTO params VALUES (?, ?, ?) ON CONFLICT DO NOTHING', run, key, value) === 1)
      return;
    const before = String(
      this.#get('SELECT value FROM params WHERE run_uuid = ? AND key = ?', run, key)['value'],
    );
    if (before !== value) throw new RecipeError('PARAM_CHANGED', { run, key, before, after: value });
  }

  #metric(run: string, { key, value, step, timestamp }: MetricWrite): void {
    const isNan = Number.isNaN(value) ? 1 : 0;
    const stored = isNan === 1 ? 0 : Math.max(-LARGEST, Math.min(LARGEST, value));
    this.#run(
      'INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      run,
      key,
      step,
      timestamp,
      stored,
      isNan,
    );
    this.#run(
      `INSERT INTO latest_metrics VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp,
         step = excluded.step, is_nan = excluded.is_nan WHERE (excluded.step, excluded.timestamp, excluded.value) >= (step, timestamp, value)`,
      run,
      key,
      stored,
      timestamp,
      step,
      isNan,
    );
  }

  /** One row for each (experiment, name, digest), whoever uses it. */
  #dataset(run: string, { name, digest, sourceType, source, schema, profile, context }: DatasetWrite): void {
    const uuid = createHash('sha256')
      .update(`${this.#experiment}\0${name}\0${digest}`)
      .digest('hex')
      .slice(0, 32);
    this.#run(
      'INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      uuid,
      this.#experiment,
      name,
      digest,
      sourceType,
      source,
      schema ?? null,
      profile ?? null,
    );
    this.#run('INSERT INTO inputs VALUES (?, ?, ?) ON CONFLICT DO NOTHING', run, uuid, context ?? '');
  }

  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #get(sql: string, ...values: string[]): Readonly<Record<string, unknown>> {
    return this.#statement(sql).get(...values) ?? {};
  }

  #statement(sql: string): StatementSync {
    let statement = this.#known.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#known.set(sql, statement);
    }
    return statement;
  }
}

function tagsOf({ name, parent }: TrackedRunWrite): KeyValue[] {
  return [
    ...(name === undefined ? [] : [{ key: 'mlflow.runName', value: name }]),
    ...(parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parent }]),
  ];
}

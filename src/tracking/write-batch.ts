import { failpoint } from '../core/failpoint.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { lock } from '../db/lock.ts';
import type { Sql } from '../db/sql.ts';
import type { DatasetWrite, KeyValue, TrackedRunWrite, TrackingBatch } from '../engine/tracking-port.ts';
import { logInputs, putParams, writeTags } from './mlflow/log.ts';
import type { DatasetInput } from './mlflow/messages.ts';
import { writeMetrics } from './mlflow/write-metrics.ts';

/**
 * Writes a batch within one transaction: what is there already stays as it is.
 *
 * @throws RecipeError PARAM_CHANGED, TRACKED_RUN_DELETED
 */
export async function writeBatch(
  sql: Sql,
  { experiment, runs, cursor }: TrackingBatch,
  now: number,
): Promise<void> {
  const number = await experimentOf(sql, experiment, now);
  for (const run of runs) await writeRun(sql, number, run);
  if (cursor !== undefined)
    await sql.run(
      'UPDATE runs SET journal_seq = ? WHERE run_uuid = ? AND journal_seq < ?',
      cursor.seq,
      cursor.run,
      cursor.seq,
    );
  failpoint('tracking.before-commit');
}

async function experimentOf(sql: Sql, name: string, now: number): Promise<number> {
  const find = async (): Promise<number | undefined> => {
    const row = await sql.get('SELECT experiment_id FROM experiments WHERE name = ?', name);
    return row === undefined ? undefined : Number(row['experiment_id']);
  };
  const found = await find();
  if (found !== undefined) return found;
  await sql.run(
    'INSERT INTO experiments (name, creation_time, last_update_time) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING',
    name,
    now,
    now,
  );
  const made = await find();
  if (made === undefined) throw new Error(`Internal error: the experiment ${name} was not made`);
  return made;
}

async function writeRun(sql: Sql, experiment: number, run: TrackedRunWrite): Promise<void> {
  const { id, params = [], metrics = [], datasets = [], artifacts = [] } = run;
  const tags = [...tagsOf(run), ...(run.tags ?? [])];
  await sql.run(
    `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time, user_id) VALUES (?, ?, ?, 'RUNNING', ?, ?)
     ON CONFLICT (run_uuid) DO NOTHING`,
    id,
    experiment,
    run.name ?? id,
    run.startTime ?? null,
    tags.findLast(({ key }) => key === 'mlflow.user')?.value ?? '',
  );
  const row = await sql.get(`SELECT lifecycle_stage FROM runs WHERE run_uuid = ?${lock(sql, 'change')}`, id);
  if (row?.['lifecycle_stage'] === 'deleted') throw new RecipeError('TRACKED_RUN_DELETED', { id });
  // A run that has ended stays as it ended.
  if (run.status !== undefined)
    await sql.run(
      `UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND status = 'RUNNING'`,
      run.status,
      run.endTime ?? null,
      id,
    );
  if (params.length > 0) {
    await checkParams(sql, id, params);
    await putParams(sql, id, params);
  }
  await writeTags(sql, id, tags);
  await writeMetrics(sql, id, metrics);
  if (datasets.length > 0) await logInputs(sql, id, datasets.map(inputOf));
  await sql.runMany(
    `INSERT INTO artifacts (run_uuid, path, digest, size, kind) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run_uuid, path) DO UPDATE SET digest = excluded.digest, size = excluded.size, kind = excluded.kind`,
    Array.from(new Map(artifacts.map((one) => [one.path, one])).values(), ({ path, digest, size, kind }) => [
      id,
      path,
      digest,
      size,
      kind,
    ]),
  );
  if (run.result !== undefined)
    await sql.run(
      'INSERT INTO results (fingerprint, run_uuid) VALUES (?, ?) ON CONFLICT (fingerprint) DO NOTHING',
      run.result,
      id,
    );
}

/** @throws RecipeError PARAM_CHANGED */
async function checkParams(sql: Sql, run: string, params: readonly KeyValue[]): Promise<void> {
  const rows = await sql.all('SELECT key, value FROM params WHERE run_uuid = ?', run);
  refuseChange(run, new Map(rows.map((row) => [String(row['key']), String(row['value'])])), params);
}

/**
 * Refuses another value of a parameter than the one that is known, or that stands before it in the list.
 *
 * @throws RecipeError PARAM_CHANGED
 */
export function refuseChange(
  run: string,
  known: ReadonlyMap<string, string>,
  params: readonly KeyValue[],
): void {
  const values = new Map(known);
  for (const { key, value: after } of params) {
    const before = values.get(key);
    if (before !== undefined && before !== after)
      throw new RecipeError('PARAM_CHANGED', { run, key, before, after });
    values.set(key, after);
  }
}

function tagsOf({ name, parent }: TrackedRunWrite): KeyValue[] {
  return [
    ...(name === undefined ? [] : [{ key: 'mlflow.runName', value: name }]),
    ...(parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parent }]),
  ];
}

/** A data set as MLflow's messages have it. */
export function inputOf({
  name,
  digest,
  sourceType,
  source,
  schema,
  profile,
  context,
}: DatasetWrite): DatasetInput {
  return {
    tags: context === undefined ? [] : [{ key: 'mlflow.data.context', value: context }],
    dataset: {
      name,
      digest,
      source_type: sourceType,
      source,
      ...(schema === undefined ? {} : { schema }),
      ...(profile === undefined ? {} : { profile }),
    },
  };
}

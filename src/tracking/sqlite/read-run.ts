import type { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../core/ids.ts';
import type { OutputKind } from '../../core/kinds.ts';
import type {
  MetricWrite,
  TrackedKeys,
  TrackedRun,
  TrackedRunDetails,
  TrackedStatus,
} from '../../engine/tracking-port.ts';

type Row = Readonly<Record<string, unknown>>;

export function readRun(db: DatabaseSync, id: string): TrackedRun | undefined {
  const row = db
    .prepare(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) WHERE run_uuid = ?',
    )
    .get(id);
  if (row === undefined) return undefined;
  const rows = (table: string, columns: string): Row[] =>
    db.prepare(`SELECT ${columns} FROM ${table} WHERE run_uuid = ? ORDER BY key`).all(id);
  const texts = (table: string): Record<string, string> =>
    Object.fromEntries(rows(table, 'key, value').map((one) => [String(one['key']), String(one['value'])]));
  return {
    id,
    name: String(row['name']),
    experiment: String(row['experiment']),
    user: String(row['user_id']),
    status: row['status'] as TrackedStatus,
    lifecycle: row['lifecycle_stage'] as TrackedRun['lifecycle'],
    startTime: row['start_time'] as number | null,
    endTime: row['end_time'] as number | null,
    params: texts('params'),
    metrics: Object.fromEntries(
      rows('latest_metrics', 'key, value, is_nan').map((one) => [String(one['key']), valueOf(one)]),
    ),
    tags: texts('tags'),
  };
}

export function readRunDetails(db: DatabaseSync, id: string): TrackedRunDetails | undefined {
  const run = readRun(db, id);
  if (run === undefined) return undefined;
  return {
    ...run,
    artifacts: db
      .prepare('SELECT path, digest, size, kind FROM artifacts WHERE run_uuid = ? ORDER BY path')
      .all(id)
      .map((row) => ({
        path: String(row['path']),
        digest: row['digest'] as Digest,
        size: Number(row['size']),
        kind: row['kind'] as OutputKind,
      })),
    datasets: db
      .prepare(
        'SELECT d.*, i.context FROM inputs i JOIN datasets d USING (dataset_uuid) WHERE i.run_uuid = ? ORDER BY d.name, i.context',
      )
      .all(id)
      .map((row) => ({
        name: String(row['name']),
        digest: String(row['digest']),
        sourceType: String(row['dataset_source_type']),
        source: String(row['dataset_source']),
        ...(row['dataset_schema'] === null ? {} : { schema: String(row['dataset_schema']) }),
        ...(row['dataset_profile'] === null ? {} : { profile: String(row['dataset_profile']) }),
        ...(row['context'] === '' ? {} : { context: String(row['context']) }),
      })),
    children: db
      .prepare(
        `SELECT r.run_uuid, r.name, r.status FROM tags t JOIN runs r USING (run_uuid)
         WHERE t.key = 'mlflow.parentRunId' AND t.value = ? AND r.lifecycle_stage = 'active'
         ORDER BY r.start_time, r.name`,
      )
      .all(id)
      .map((row) => ({
        id: String(row['run_uuid']),
        name: String(row['name']),
        status: row['status'] as TrackedStatus,
      })),
  };
}

export function readHistory(db: DatabaseSync, run: string, key: string): MetricWrite[] {
  return db
    .prepare(
      'SELECT key, value, is_nan, step, timestamp FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step, timestamp, value',
    )
    .all(run, key)
    .map((row) => ({
      key,
      value: valueOf(row),
      step: Number(row['step']),
      timestamp: Number(row['timestamp']),
    }));
}

export function readKeys(db: DatabaseSync): TrackedKeys {
  const of = (table: string): string[] =>
    db
      .prepare(`SELECT DISTINCT key FROM ${table} ORDER BY key`)
      .all()
      .map((row) => String(row['key']));
  return { metrics: of('latest_metrics'), params: of('params'), tags: of('tags') };
}

function valueOf(row: Row): number {
  return row['is_nan'] === 1 ? Number.NaN : Number(row['value']);
}

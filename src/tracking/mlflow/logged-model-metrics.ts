import type { Sql } from '../../db/sql.ts';
import { TRACKING_LIMITS } from '../../engine/tracking-limits.ts';
import { checkLength } from './check.ts';
import type { NewMetric } from './messages.ts';
import { requireLoggedModels } from './require-logged-models.ts';
import { storedNumber } from './stored-number.ts';

/** The points that belong to a logged model, beside those of the run: the same again is one. */
export async function writeModelMetrics(sql: Sql, run: string, metrics: readonly NewMetric[]): Promise<void> {
  const ids = new Set<string>();
  const rows = metrics.flatMap((metric) => {
    const { model_id: id = '', key, step, timestamp, value } = metric;
    const { dataset_name: name = '', dataset_digest: digest = '' } = metric;
    if (id === '') return [];
    checkLength('dataset_name', name, TRACKING_LIMITS.datasetName);
    checkLength('dataset_digest', digest, TRACKING_LIMITS.datasetDigest);
    ids.add(id);
    return [[id, key, run, step, timestamp, ...storedNumber(value), name, digest] as const];
  });
  if (rows.length === 0) return;
  await requireLoggedModels(sql, [...ids]);
  await sql.runMany(
    `INSERT INTO logged_model_metrics (model_id, key, run_uuid, step, timestamp, value, is_nan, dataset_name, dataset_digest)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    rows,
  );
}

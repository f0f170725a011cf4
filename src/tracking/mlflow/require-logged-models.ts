import type { Sql } from '../../db/sql.ts';
import { inList, listOf } from './in-list.ts';
import { type MlflowError, missing } from './mlflow-error.ts';

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST unless all are there and not deleted */
export async function requireLoggedModels(sql: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = await sql.all(
    `SELECT model_id FROM logged_models WHERE lifecycle_stage = 'active' AND model_id IN ${inList(sql, 'text')}`,
    listOf(ids),
  );
  const found = new Set(rows.map((row) => row['model_id']));
  const lacking = ids.find((id) => !found.has(id));
  if (lacking !== undefined) throw noLoggedModel(lacking);
}

export function noLoggedModel(id: string): MlflowError {
  return missing(`Logged model with ID '${id.slice(0, 80)}' not found.`);
}

import type { Sql } from '../../db/sql.ts';
import { type MlflowError, missing } from './mlflow-error.ts';

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function requireTrace(sql: Sql, id: string): Promise<void> {
  if ((await sql.get('SELECT 1 AS found FROM traces WHERE trace_id = ?', id)) === undefined)
    throw noTrace(id);
}

/** Clients of 3.x know by this very text, with `get` for the id, that a server is not as new as they are. */
export function noTrace(id: string): MlflowError {
  return missing(`Trace with ID '${id.slice(0, 80)}' not found.`);
}

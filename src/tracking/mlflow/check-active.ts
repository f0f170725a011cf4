import { lock } from '../../db/lock.ts';
import type { Sql } from '../../db/sql.ts';
import { invalid, type MlflowError, missing } from './mlflow-error.ts';

/**
 * Whether a run takes writes; it stays so for the whole transaction.
 *
 * @throws MlflowError RESOURCE_DOES_NOT_EXIST, or INVALID_PARAMETER_VALUE for one that is deleted
 */
export async function checkActive(sql: Sql, id: string): Promise<void> {
  const row = await sql.get(`SELECT lifecycle_stage FROM runs WHERE run_uuid = ?${lock(sql, 'change')}`, id);
  const refusal = refusalOf(id, row?.['lifecycle_stage']);
  if (refusal !== undefined) throw refusal;
}

/** Why a run takes no writes, by its stage; that is undefined for one that is not there. */
export function refusalOf(id: string, stage: unknown): MlflowError | undefined {
  if (stage === 'active') return undefined;
  return stage === undefined
    ? missing(`Run with id=${id} not found`)
    : invalid(`The run ${id} must be in the 'active' state. Current state is deleted.`);
}

import { lock } from '../../db/lock.ts';
import type { Sql } from '../../db/sql.ts';
import { checkKey, checkLength } from './check.ts';
import type { Tag } from './messages.ts';
import { type MlflowError, missing } from './mlflow-error.ts';

/** The newest clients allow this; older ones stop at 5,000 themselves. */
const MAX_TAG_VALUE = 100_000;

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function requireModel(sql: Sql, name: string): Promise<void> {
  if (!(await modelExists(sql, name))) throw modelNotFound(name);
}

/**
 * A model that is about to be changed: whoever changes it too, or anything that belongs to it, comes after.
 *
 * @throws MlflowError RESOURCE_DOES_NOT_EXIST
 */
export async function lockModel(sql: Sql, name: string): Promise<void> {
  if (!(await lockIfThere(sql, name))) throw modelNotFound(name);
}

/** Whether there is a model to lock, for those who say in their own words what is missing. */
export async function lockIfThere(sql: Sql, name: string): Promise<boolean> {
  const row = await sql.get(
    `SELECT 1 AS found FROM registered_models WHERE name = ?${lock(sql, 'change')}`,
    name,
  );
  return row !== undefined;
}

export function checkRegistryTag({ key, value }: Tag): void {
  checkKey('tag', key);
  checkLength('value', value, MAX_TAG_VALUE);
}

/** Whether there is a registered model of that name. */
export async function modelExists(sql: Sql, name: string): Promise<boolean> {
  return (await sql.get('SELECT 1 AS found FROM registered_models WHERE name = ?', name)) !== undefined;
}

export function modelNotFound(name: string): MlflowError {
  return missing(`Registered Model with name=${name} not found`);
}

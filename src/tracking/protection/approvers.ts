import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { missing } from '../mlflow/mlflow-error.ts';

/**
 * Whoever is to approve is there, and stays until the transaction ends: one who is deleted meanwhile would
 * leave an alias that nobody can move. Where nobody signs in, approvers are named as the machine names them.
 *
 * @throws MlflowError RESOURCE_DOES_NOT_EXIST
 */
export async function requireApprovers(sql: Sql, approvers: readonly string[]): Promise<void> {
  if ((await sql.get('SELECT 1 AS found FROM users LIMIT 1')) === undefined) return;
  const users = namesOf('user', approvers);
  const groups = namesOf('group', approvers);
  // In the order in which administrators are locked, too.
  const foundUsers = await sql.all(
    `SELECT username AS name FROM users WHERE username IN ${inList(sql, 'text')} ORDER BY user_id${lock(sql, 'share')}`,
    listOf(users),
  );
  const foundGroups = await sql.all(
    `SELECT name FROM groups WHERE name IN ${inList(sql, 'text')} ORDER BY name${lock(sql, 'share')}`,
    listOf(groups),
  );
  requireAll('user', users, foundUsers);
  requireAll('group', groups, foundGroups);
}

function namesOf(kind: 'user' | 'group', approvers: readonly string[]): string[] {
  return approvers.flatMap((one) => (one.startsWith(`${kind}:`) ? one.slice(kind.length + 1) : []));
}

function requireAll(kind: 'user' | 'group', names: readonly string[], rows: readonly Row[]): void {
  const found = new Set(rows.map(({ name }) => String(name)));
  const absent = names.find((name) => !found.has(name));
  if (absent !== undefined) throw missing(`There is no ${kind} ${absent}`);
}

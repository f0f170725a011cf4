import { lock } from '../../db/lock.ts';
import type { Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { MlflowError, missing } from '../mlflow/mlflow-error.ts';
import { groupPrincipal } from './identity.ts';
import type { Role } from './permission.ts';
import { checkPrincipalName, deleteGrantsOf, requireUser } from './users.ts';

export interface Group {
  readonly name: string;
  /** What its members are at least; null: the group gives none. */
  readonly role: Role | null;
  readonly members: readonly string[];
}

export async function createGroup(
  sql: Sql,
  { name, role }: { name: string; role: Role | undefined },
  change: Change,
): Promise<void> {
  checkPrincipalName('group', name);
  if ((await sql.get('SELECT 1 AS found FROM groups WHERE name = ?', name)) !== undefined)
    throw new MlflowError('RESOURCE_ALREADY_EXISTS', `The group ${name} exists already.`);
  await sql.run('INSERT INTO groups (name, role) VALUES (?, ?)', name, role ?? null);
  await audit(sql, change, { action: 'group', name: groupPrincipal(name), before: null, after: role ?? '' });
}

/** @throws MlflowError INVALID_PARAMETER_VALUE for the only approver of an alias */
export async function deleteGroup(sql: Sql, name: string, change: Change): Promise<void> {
  await requireGroup(sql, name);
  await sql.get(`SELECT 1 AS found FROM groups WHERE name = ?${lock(sql, 'change')}`, name);
  await deleteGrantsOf(sql, groupPrincipal(name), change);
  await sql.run('DELETE FROM groups WHERE name = ?', name);
  await audit(sql, change, { action: 'group deleted', name: groupPrincipal(name), before: '', after: null });
}

export async function listGroups(sql: Sql): Promise<Group[]> {
  const groups = await sql.all('SELECT name, role FROM groups ORDER BY name');
  const members = await sql.all('SELECT name, username FROM group_members ORDER BY username');
  return groups.map(({ name, role }) => ({
    name: String(name),
    role: role as Role | null,
    members: members.filter((one) => one['name'] === name).map(({ username }) => String(username)),
  }));
}

export async function addMember(
  sql: Sql,
  { group, user }: { group: string; user: string },
  change: Change,
): Promise<void> {
  await requireGroup(sql, group);
  await requireUser(sql, user);
  await sql.run(
    "INSERT INTO group_members (name, username, source) VALUES (?, ?, 'here') ON CONFLICT (name, username) DO UPDATE SET source = 'here'",
    group,
    user,
  );
  await audit(sql, change, { action: 'member', name: groupPrincipal(group), before: null, after: user });
}

export async function removeMember(
  sql: Sql,
  { group, user }: { group: string; user: string },
  change: Change,
): Promise<void> {
  await requireGroup(sql, group);
  const removed = await sql.run('DELETE FROM group_members WHERE name = ? AND username = ?', group, user);
  if (removed === 0) throw missing(`${user} is not in the group ${group}`);
  await audit(sql, change, { action: 'member', name: groupPrincipal(group), before: user, after: null });
}

/**
 * The groups that somebody signed in with, in place of those of the last time. Groups that nobody made here
 * are not made: a provider may name hundreds.
 */
export async function setSignedInGroups(sql: Sql, user: string, groups: readonly string[]): Promise<void> {
  await sql.run("DELETE FROM group_members WHERE username = ? AND source = 'sign-in'", user);
  for (const group of groups)
    await sql.run(
      `INSERT INTO group_members (name, username, source) SELECT name, ?, 'sign-in' FROM groups WHERE name = ?
       ON CONFLICT (name, username) DO NOTHING`,
      user,
      group,
    );
}

async function requireGroup(sql: Sql, name: string): Promise<void> {
  if ((await sql.get('SELECT 1 AS found FROM groups WHERE name = ?', name)) === undefined)
    throw missing(`There is no group ${name}`);
}

/** `group:NAME` of each group that a user is in. */
export async function groupsOfUser(sql: Sql, user: string): Promise<string[]> {
  const rows = await sql.all('SELECT name FROM group_members WHERE username = ? ORDER BY name', user);
  return rows.map(({ name }) => groupPrincipal(String(name)));
}

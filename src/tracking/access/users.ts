import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { invalid, MlflowError, missing } from '../mlflow/mlflow-error.ts';
import { removeApprover } from '../protection/protections.ts';
import { EVERYONE, groupPrincipal, type Identity, userPrincipal } from './identity.ts';
import { highest, ROLES, type Role, type Scope } from './permission.ts';

export interface User {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  /** As `hashPassword` gives it; undefined for who signs in elsewhere. */
  readonly passwordHash: string | undefined;
  readonly createdAt: number;
}

export interface NewUser {
  readonly name: string;
  readonly role: Role;
  readonly passwordHash: string | undefined;
  /** Issuer and subject of who signs in elsewhere. */
  readonly subject?: string | undefined;
}

/** What names of users and groups are made of: `.`, `_`, `-`, `@` and `+` beside letters and digits. */
export function checkPrincipalName(what: 'user' | 'group', name: string): void {
  if (!/^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,254}$/u.test(name) || name.normalize('NFKC') !== name)
    throw invalid(
      `Invalid ${what} name ${JSON.stringify(name.slice(0, 80))}: it has letters, digits and . _ @ + -, up to 255.`,
    );
}

/** @throws MlflowError RESOURCE_ALREADY_EXISTS */
export async function createUser(
  sql: Sql,
  { name, role, passwordHash, subject }: NewUser,
  change: Change,
): Promise<User> {
  checkPrincipalName('user', name);
  if ((await findUser(sql, name)) !== undefined)
    throw new MlflowError('RESOURCE_ALREADY_EXISTS', `User (username=${name}) already exists.`);
  await sql.run(
    'INSERT INTO users (username, role, password_hash, subject, created_at) VALUES (?, ?, ?, ?, ?)',
    name,
    role,
    passwordHash ?? null,
    subject ?? null,
    change.at,
  );
  await audit(sql, change, { action: 'user', name: userPrincipal(name), before: null, after: role });
  return requireUser(sql, name);
}

export async function findUser(sql: Sql, name: string): Promise<User | undefined> {
  const row = await sql.get('SELECT * FROM users WHERE username = ?', name);
  return row === undefined ? undefined : userOf(row);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function requireUser(sql: Sql, name: string): Promise<User> {
  const user = await findUser(sql, name);
  if (user === undefined) throw missing(`User with username=${name} not found`);
  return user;
}

export async function findUserBySubject(sql: Sql, subject: string): Promise<User | undefined> {
  const row = await sql.get('SELECT * FROM users WHERE subject = ?', subject);
  return row === undefined ? undefined : userOf(row);
}

export async function listUsers(sql: Sql): Promise<User[]> {
  return (await sql.all('SELECT * FROM users ORDER BY username')).map(userOf);
}

export async function hasUsers(sql: Sql): Promise<boolean> {
  return (await sql.get('SELECT 1 AS found FROM users LIMIT 1')) !== undefined;
}

export async function setRole(sql: Sql, name: string, role: Role, change: Change): Promise<void> {
  const before = await requireUser(sql, name);
  if (before.role === 'admin' && role !== 'admin') await requireAnotherAdmin(sql, name);
  await sql.run('UPDATE users SET role = ? WHERE username = ?', role, name);
  await audit(sql, change, { action: 'role', name: userPrincipal(name), before: before.role, after: role });
}

/** Whoever is signed in by the old password is so no longer; tokens for programs stay. */
export async function setPassword(sql: Sql, name: string, hash: string, change: Change): Promise<void> {
  await requireUser(sql, name);
  await sql.run('UPDATE users SET password_hash = ? WHERE username = ?', hash, name);
  await sql.run("DELETE FROM tokens WHERE username = ? AND kind = 'session'", name);
  await audit(sql, change, { action: 'password', name: userPrincipal(name), before: null, after: null });
}

/**
 * With all that was granted to them: a name may be given to somebody else.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE for the only administrator, and the only approver of an alias
 */
export async function deleteUser(sql: Sql, name: string, change: Change): Promise<void> {
  const { role } = await requireUser(sql, name);
  if (role === 'admin') await requireAnotherAdmin(sql, name);
  await sql.get(`SELECT 1 AS found FROM users WHERE username = ?${lock(sql, 'change')}`, name);
  await deleteGrantsOf(sql, userPrincipal(name), change);
  await sql.run('DELETE FROM users WHERE username = ?', name);
  await audit(sql, change, { action: 'user deleted', name: userPrincipal(name), before: role, after: null });
}

export async function deleteGrantsOf(sql: Sql, principal: string, change: Change): Promise<void> {
  await removeApprover(sql, principal, change);
  for (const table of ['experiment_grants', 'model_grants', 'wide_grants'])
    await sql.run(`DELETE FROM ${table} WHERE principal = ?`, principal);
}

/** Who a user is to grants, with the highest role of their own and their groups'. */
export async function identityOf(sql: Sql, user: User, scope: Scope, token?: number): Promise<Identity> {
  const rows = await sql.all(
    'SELECT g.name, g.role FROM group_members m JOIN groups g USING (name) WHERE m.username = ?',
    user.name,
  );
  const roles = rows.flatMap(({ role }) => (role === null ? [] : [role as Role]));
  return {
    kind: 'user',
    name: user.name,
    role: highest(ROLES, [user.role, ...roles]) ?? user.role,
    principals: [userPrincipal(user.name), EVERYONE, ...rows.map(({ name }) => groupPrincipal(String(name)))],
    scope,
    ...(token === undefined ? {} : { token }),
  };
}

/** The last administrator stays: nobody else could make another one. */
async function requireAnotherAdmin(sql: Sql, name: string): Promise<void> {
  // Two who take the role from each other come one after the other.
  const admins = await sql.all(
    `SELECT username FROM users WHERE role = 'admin' ORDER BY user_id${lock(sql, 'change')}`,
  );
  if (admins.every(({ username }) => username === name))
    throw invalid(`${name} is the only administrator: make another one first.`);
}

function userOf(row: Row): User {
  return {
    id: Number(row['user_id']),
    name: String(row['username']),
    role: row['role'] as Role,
    passwordHash: row['password_hash'] === null ? undefined : String(row['password_hash']),
    createdAt: Number(row['created_at']),
  };
}

import type { Row, Sql } from '../../db/sql.ts';
import { EVERY_ROW, type Sql as SqlPart } from '../filter-sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { experimentNumber } from '../mlflow/check.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { invalid, missing } from '../mlflow/mlflow-error.ts';
import { EVERYONE, type Identity, userPrincipal } from './identity.ts';
import { isWide } from './parse-resource.ts';
import { highest, PERMISSIONS, type Permission } from './permission.ts';

/** What somebody makes; `*` is every one of its kind, also those to come. */
export type Thing =
  | { readonly kind: 'experiment'; readonly id: string }
  | { readonly kind: 'model'; readonly name: string };

/** What permissions are on: things, and the cache that machines share. */
export type Resource = Thing | { readonly kind: 'cache' };

export interface Grant {
  readonly principal: string;
  readonly permission: Permission;
}

/** The experiment that every member writes to. */
const DEFAULT = 0;

/** What somebody may do with something that exists. */
export async function permissionOn(sql: Sql, identity: Identity, on: Resource): Promise<Permission> {
  if (identity.kind === 'local' || identity.role === 'admin') return 'MANAGE';
  if (on.kind === 'cache') return permissionOnCache(sql, identity);
  const { table, column, value } = tableOf(on);
  const principals = listOf(identity.principals);
  const rows = await sql.all(
    `SELECT principal, permission, 1 AS own FROM ${table} WHERE ${column} = ? AND principal IN ${inList(sql, 'text')}
     UNION ALL SELECT principal, permission, 0 AS own FROM wide_grants WHERE kind = ? AND principal IN ${inList(sql, 'text')}`,
    value,
    principals,
    on.kind,
    principals,
  );
  // What was said of this user and this very thing comes before what groups and everyone have.
  const own = rows.find(
    (row) => Number(row['own']) === 1 && row['principal'] === userPrincipal(identity.name),
  );
  if (own !== undefined) return own['permission'] as Permission;
  const given = rows.map((row) => row['permission'] as Permission);
  if (on.kind === 'experiment' && value === DEFAULT && identity.role === 'member') given.push('EDIT');
  return highest(PERMISSIONS, given) ?? 'NO_PERMISSIONS';
}

/** What a role has there holds until something was granted to the user, or to a group of theirs or everyone. */
async function permissionOnCache(sql: Sql, identity: Identity & { kind: 'user' }): Promise<Permission> {
  const given = (await grantsOn(sql, { kind: 'cache' })).filter(({ principal }) =>
    identity.principals.includes(principal),
  );
  const own = given.find(({ principal }) => principal === userPrincipal(identity.name));
  if (own !== undefined) return own.permission;
  const granted = given.map(({ permission }) => permission);
  return highest(PERMISSIONS, granted) ?? (identity.role === 'member' ? 'EDIT' : 'READ');
}

/** A condition that holds for what somebody may read; `column` is the id of an experiment, or a model's name. */
export function readableBy(sql: Sql, identity: Identity, kind: Thing['kind'], column: string): SqlPart {
  if (identity.kind === 'local' || identity.role === 'admin') return EVERY_ROW;
  const { table, column: key } = TABLES[kind];
  const principals = listOf(identity.principals);
  const me = userPrincipal(identity.name);
  const isDefault = kind === 'experiment' && identity.role === 'member' ? `OR ${column} = ${DEFAULT}` : '';
  return {
    text: `${column} NOT IN (SELECT ${key} FROM ${table} WHERE principal = ? AND permission = 'NO_PERMISSIONS')
      AND (${column} IN (SELECT ${key} FROM ${table} WHERE permission <> 'NO_PERMISSIONS' AND principal IN ${inList(sql, 'text')})
        OR EXISTS (SELECT 1 FROM wide_grants WHERE kind = '${kind}' AND permission <> 'NO_PERMISSIONS' AND principal IN ${inList(sql, 'text')})
        ${isDefault})`,
    values: [me, principals, principals],
  };
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST where there is no such thing, user or group */
export async function grant(
  sql: Sql,
  on: Resource,
  { principal, permission }: Grant,
  change: Change,
): Promise<void> {
  await requirePrincipal(sql, principal);
  const before = await grantOf(sql, on, principal);
  if (isWide(on))
    await sql.run(
      'INSERT INTO wide_grants (kind, principal, permission) VALUES (?, ?, ?) ON CONFLICT (kind, principal) DO UPDATE SET permission = excluded.permission',
      on.kind,
      principal,
      permission,
    );
  else {
    await requireResource(sql, on);
    const { table, column, value } = tableOf(on);
    await sql.run(
      `INSERT INTO ${table} (${column}, principal, permission) VALUES (?, ?, ?) ON CONFLICT (${column}, principal) DO UPDATE SET permission = excluded.permission`,
      value,
      principal,
      permission,
    );
  }
  await audit(sql, change, {
    action: `grant ${principal}`,
    name: nameOf(on),
    before: before ?? null,
    after: permission,
  });
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function revoke(sql: Sql, on: Resource, principal: string, change: Change): Promise<void> {
  const before = await grantOf(sql, on, principal);
  if (before === undefined) throw missing(`${principal} has no permission of its own on ${nameOf(on)}`);
  if (isWide(on))
    await sql.run('DELETE FROM wide_grants WHERE kind = ? AND principal = ?', on.kind, principal);
  else {
    const { table, column, value } = tableOf(on);
    await sql.run(`DELETE FROM ${table} WHERE ${column} = ? AND principal = ?`, value, principal);
  }
  await audit(sql, change, { action: `grant ${principal}`, name: nameOf(on), before, after: null });
}

/** What a principal was given on a thing itself. */
export async function grantOf(sql: Sql, on: Resource, principal: string): Promise<Permission | undefined> {
  return (await grantsOn(sql, on)).find((one) => one.principal === principal)?.permission;
}

export async function grantsOn(sql: Sql, on: Resource): Promise<Grant[]> {
  if (isWide(on))
    return (
      await sql.all(
        'SELECT principal, permission FROM wide_grants WHERE kind = ? ORDER BY principal',
        on.kind,
      )
    ).map(grantOfRow);
  const { table, column, value } = tableOf(on);
  const rows = await sql.all(
    `SELECT principal, permission FROM ${table} WHERE ${column} = ? ORDER BY principal`,
    value,
  );
  return rows.map(grantOfRow);
}

/** What a principal was given, by kind. */
export async function grantsOfPrincipal(
  sql: Sql,
  principal: string,
): Promise<{ experiments: Map<string, Permission>; models: Map<string, Permission> }> {
  const experiments = await sql.all(
    'SELECT experiment_id, permission FROM experiment_grants WHERE principal = ? ORDER BY experiment_id',
    principal,
  );
  const models = await sql.all(
    'SELECT name, permission FROM model_grants WHERE principal = ? ORDER BY name',
    principal,
  );
  return {
    experiments: new Map(experiments.map((row) => [String(row['experiment_id']), permissionOf(row)])),
    models: new Map(models.map((row) => [String(row['name']), permissionOf(row)])),
  };
}

/** Who creates a thing manages it. Goes into the transaction that creates it. */
export async function own(sql: Sql, identity: Identity, on: Thing): Promise<void> {
  if (identity.kind === 'local') return;
  const { table, column, value } = tableOf(on);
  await sql.run(
    `INSERT INTO ${table} (${column}, principal, permission) VALUES (?, ?, 'MANAGE') ON CONFLICT (${column}, principal) DO UPDATE SET permission = 'MANAGE'`,
    value,
    userPrincipal(identity.name),
  );
}

/** `experiment:5`, `model:NAME`, `experiment:*`, `cache`. */
export function nameOf(on: Resource): string {
  if (on.kind === 'cache') return 'cache';
  return on.kind === 'experiment' ? `experiment:${on.id}` : `model:${on.name}`;
}

const TABLES = {
  experiment: { table: 'experiment_grants', column: 'experiment_id' },
  model: { table: 'model_grants', column: 'name' },
} as const;

function tableOf(on: Thing): { table: string; column: string; value: string | number } {
  return on.kind === 'model'
    ? { ...TABLES.model, value: on.name }
    : { ...TABLES.experiment, value: experimentNumber(on.id) ?? -1 };
}

async function requireResource(sql: Sql, on: Thing): Promise<void> {
  const row =
    on.kind === 'model'
      ? await sql.get('SELECT 1 AS found FROM registered_models WHERE name = ?', on.name)
      : await sql.get(
          'SELECT 1 AS found FROM experiments WHERE experiment_id = ?',
          experimentNumber(on.id) ?? -1,
        );
  if (row === undefined) throw missing(`There is no ${on.kind} ${on.kind === 'model' ? on.name : on.id}`);
}

async function requirePrincipal(sql: Sql, principal: string): Promise<void> {
  if (principal === EVERYONE) return;
  const [, kind, name = ''] = /^(user|group):(.+)$/.exec(principal) ?? [];
  if (kind === undefined)
    throw invalid(`${JSON.stringify(principal)} is not user:NAME, group:NAME or everyone.`);
  const row =
    kind === 'user'
      ? await sql.get('SELECT 1 AS found FROM users WHERE username = ?', name)
      : await sql.get('SELECT 1 AS found FROM groups WHERE name = ?', name);
  if (row === undefined) throw missing(`There is no ${kind} ${name}`);
}

function grantOfRow(row: Row): Grant {
  return { principal: String(row['principal']), permission: permissionOf(row) };
}

function permissionOf(row: Row): Permission {
  return row['permission'] as Permission;
}

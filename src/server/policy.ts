import type { Sql } from '../db/sql.ts';
import { nameOf, permissionOn, type Resource } from '../tracking/access/grants.ts';
import type { Identity } from '../tracking/access/identity.ts';
import {
  includes,
  PERMISSIONS,
  type Permission,
  ROLES,
  type Role,
  SCOPES,
  type Scope,
} from '../tracking/access/permission.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/** A permission on one thing; `server`: only who administers it all. */
export interface Need {
  readonly permission: Permission;
  readonly on: Resource | { readonly kind: 'server' };
}

/** Who may make a request. No route starts without one. */
export type Policy<T> =
  /** Anybody, signed in or not. */
  | { readonly kind: 'public' }
  /** Whoever is signed in and has at least this role, by a token that is good for this. */
  | {
      readonly kind: 'role';
      readonly role: Role | ((request: T, identity: Identity) => Role);
      readonly scope: Scope;
    }
  /** Whoever has all of the permissions that the request needs; one on what does not exist needs none. */
  | {
      readonly kind: 'permission';
      readonly permission: Permission;
      readonly scope: Scope;
      readonly needs: Needs<T>;
    };

/** Who asks, and where experiments without a place of their own keep artifacts. */
export interface Asking {
  readonly identity: Identity;
  readonly root: string;
}

/** What a request needs, read from the database where it names a run or the like. */
export type Needs<T> = (sql: Sql, request: T, asking: Asking) => Promise<readonly Need[]>;

export const PUBLIC: Policy<unknown> = { kind: 'public' };
/** Answers only with what the user may read. */
export const SIGNED_IN: Policy<unknown> = { kind: 'role', role: 'viewer', scope: 'read' };
/** Changes what is the user's own. */
export const OWN: Policy<unknown> = { kind: 'role', role: 'viewer', scope: 'write' };
/** Makes something that the user will manage. */
export const CREATE: Policy<unknown> = { kind: 'role', role: 'member', scope: 'write' };
/** Fetches from the cache that machines share. */
export const READ_CACHE: Policy<unknown> = on('READ', async () => [{ kind: 'cache' }]);
/** Sends to it. */
export const WRITE_CACHE: Policy<unknown> = on('EDIT', async () => [{ kind: 'cache' }]);
export const ADMIN: Policy<unknown> = { kind: 'role', role: 'admin', scope: 'admin' };

/** The same permission on all that `things` finds in the request, by a token that is good for `scope`. */
export function on<T>(
  permission: Permission,
  things: (sql: Sql, request: T, asking: Asking) => Promise<readonly Need['on'][]>,
  scope: Scope = includes(PERMISSIONS, permission, 'EDIT') ? 'write' : 'read',
): Policy<T> {
  return {
    kind: 'permission',
    permission,
    scope,
    needs: async (sql, request, asking) =>
      (await things(sql, request, asking)).map((one) => ({ permission, on: one })),
  };
}

/** Both of two policies on things; the first says what a token must be good for. */
export function both<A, B>(first: Policy<A>, second: Policy<B>): Policy<A & B> {
  if (first.kind !== 'permission' || second.kind !== 'permission')
    throw new Error('Internal error: only permissions add up');
  return {
    ...first,
    needs: async (sql, request, asking) => [
      ...(await first.needs(sql, request, asking)),
      ...(await second.needs(sql, request, asking)),
    ],
  };
}

/**
 * Lets a request pass, or says what it lacks.
 *
 * @throws MlflowError PERMISSION_DENIED
 */
export async function authorize<T>(policy: Policy<T>, asking: Asking, sql: Sql, request: T): Promise<void> {
  const { identity } = asking;
  if (policy.kind === 'public' || identity.kind === 'local') return;
  if (policy.kind === 'role') {
    requireScope(identity.scope, policy.scope);
    const { role } = policy;
    requireRole(identity, typeof role === 'string' ? role : role(request, identity));
    return;
  }
  requireScope(identity.scope, policy.scope);
  if (includes(PERMISSIONS, policy.permission, 'EDIT')) requireRole(identity, 'member');
  for (const { permission, on } of await policy.needs(sql, request, asking)) {
    if (on.kind === 'server') {
      requireRole(identity, 'admin');
      continue;
    }
    const has = await permissionOn(sql, identity, on);
    if (!includes(PERMISSIONS, has, permission))
      throw denied(
        `${identity.name} lacks ${permission} on ${nameOf(on)} (has ${has === 'NO_PERMISSIONS' ? 'none' : has}). Who manages it, or an administrator, can grant it.`,
      );
  }
}

export function unauthenticated(message = 'You are not authenticated.'): MlflowError {
  return new MlflowError(
    'UNAUTHENTICATED',
    `${message} Sign in with \`recipe login\`, or set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.`,
  );
}

function requireScope(has: Scope, needed: Scope): void {
  if (!includes(SCOPES, has, needed))
    throw denied(`This token is good for '${has}' only, and the request needs '${needed}'.`);
}

function requireRole(identity: Identity & { kind: 'user' }, needed: Role): void {
  if (!includes(ROLES, identity.role, needed))
    throw denied(`${identity.name} is a ${identity.role} here, and the request needs the role ${needed}.`);
}

function denied(message: string): MlflowError {
  return new MlflowError('PERMISSION_DENIED', message);
}

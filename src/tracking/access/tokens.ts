import { createHash, randomBytes } from 'node:crypto';
import type { Row, Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { checkLength } from '../mlflow/check.ts';
import { missing } from '../mlflow/mlflow-error.ts';
import type { Scope } from './permission.ts';

/** How every token begins, so that tools which look for leaked secrets know it. */
export const TOKEN_PREFIX = 'stp_';

export interface NewToken {
  readonly kind: 'api' | 'session' | 'setup';
  /** Whose it is; none for the one that sets the server up. */
  readonly username: string | undefined;
  readonly name: string;
  readonly scope: Scope;
  /** Milliseconds since the Unix epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** A token as it is listed: never the secret, of which the database has a digest only. */
export interface TokenInfo {
  readonly id: number;
  readonly kind: 'api' | 'session' | 'setup';
  readonly username: string | null;
  readonly name: string;
  readonly scope: Scope;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly used_at: number | null;
}

/** Gives the secret, which nobody can read again. */
export async function createToken(sql: Sql, token: NewToken, change: Change): Promise<string> {
  checkLength('Token name', token.name, 200);
  const secret = newSecret();
  await sql.run(
    'INSERT INTO tokens (hash, kind, username, name, scope, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    hashSecret(secret),
    token.kind,
    token.username ?? null,
    token.name,
    token.scope,
    change.at,
    token.expiresAt ?? null,
  );
  if (token.kind === 'api')
    await audit(sql, change, {
      action: 'token',
      name: `user:${token.username ?? ''}`,
      before: null,
      after: `${token.name} (${token.scope})`,
    });
  return secret;
}

/** The token with this secret if it has not lapsed. */
export async function findToken(sql: Sql, secret: string, now: number): Promise<TokenInfo | undefined> {
  if (!secret.startsWith(TOKEN_PREFIX)) return undefined;
  const row = await sql.get(
    'SELECT * FROM tokens WHERE hash = ? AND (expires_at IS NULL OR expires_at > ?)',
    hashSecret(secret),
    now,
  );
  return row === undefined ? undefined : infoOf(row);
}

export async function listTokens(sql: Sql, username: string | undefined): Promise<TokenInfo[]> {
  const rows =
    username === undefined
      ? await sql.all("SELECT * FROM tokens WHERE kind = 'api' ORDER BY token_id")
      : await sql.all("SELECT * FROM tokens WHERE kind = 'api' AND username = ? ORDER BY token_id", username);
  return rows.map(infoOf);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function revokeToken(
  sql: Sql,
  id: number,
  username: string | undefined,
  change: Change,
): Promise<void> {
  const row = await sql.get('SELECT * FROM tokens WHERE token_id = ?', id);
  const found = row === undefined ? undefined : infoOf(row);
  if (found === undefined || (username !== undefined && found.username !== username))
    throw missing(`There is no token ${id}`);
  await sql.run('DELETE FROM tokens WHERE token_id = ?', id);
  await audit(sql, change, {
    action: 'token revoked',
    name: `user:${found.username ?? ''}`,
    before: `${found.name} (${found.scope})`,
    after: null,
  });
}

/** 256 random bits. */
export function newSecret(): string {
  return `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
}

/** A secret of 256 random bits needs no salt and no slow digest. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

function infoOf(row: Row): TokenInfo {
  const number = (column: string): number | null => (row[column] === null ? null : Number(row[column]));
  return {
    id: Number(row['token_id']),
    kind: row['kind'] as TokenInfo['kind'],
    username: row['username'] as string | null,
    name: String(row['name']),
    scope: row['scope'] as Scope,
    created_at: Number(row['created_at']),
    expires_at: number('expires_at'),
    used_at: number('used_at'),
  };
}

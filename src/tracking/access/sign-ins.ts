import { randomBytes } from 'node:crypto';
import type { Sql } from '../../db/sql.ts';
import { hashSecret } from './tokens.ts';

/** A sign-in that is under way: what whoever comes back with `code` gets, once. */
export interface SignIn {
  readonly kind: 'code' | 'provider';
  /** Who allowed it; undefined until a provider has said who it is. */
  readonly username: string | undefined;
  /** What proves that it is the one who began it, or what the server has to prove. */
  readonly challenge: string;
  readonly data: string;
}

/** Gives the code. */
export async function beginSignIn(
  sql: Sql,
  { kind, username, challenge, data }: SignIn,
  { now, until }: { now: number; until: number },
): Promise<string> {
  const code = randomBytes(32).toString('base64url');
  await sql.run('DELETE FROM sign_ins WHERE expires_at <= ?', now);
  await sql.run(
    'INSERT INTO sign_ins (code_hash, kind, username, challenge, data, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
    hashSecret(code),
    kind,
    username ?? null,
    challenge,
    data,
    until,
  );
  return code;
}

/** What was begun with this code; it is good for nothing afterwards. */
export async function endSignIn(
  sql: Sql,
  kind: SignIn['kind'],
  code: string,
  now: number,
): Promise<SignIn | undefined> {
  const hash = hashSecret(code);
  const row = await sql.get(
    'SELECT username, challenge, data FROM sign_ins WHERE code_hash = ? AND kind = ? AND expires_at > ?',
    hash,
    kind,
    now,
  );
  if (row === undefined || (await sql.run('DELETE FROM sign_ins WHERE code_hash = ?', hash)) === 0)
    return undefined;
  return {
    kind,
    username: row['username'] === null ? undefined : String(row['username']),
    challenge: String(row['challenge']),
    data: String(row['data']),
  };
}

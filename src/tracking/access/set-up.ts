import type { Database } from '../../db/sql.ts';
import { checkPassword, hashPassword } from './passwords.ts';
import { createToken, findToken } from './tokens.ts';
import { createUser, hasUsers } from './users.ts';

const SETUP_MS = 86_400_000;
const FIRST_TOKEN_MS = 90 * 86_400_000;

/** A token that is good once and for a day, to make the first administrator; undefined where there are users. */
export async function setupToken(database: Database, now: number): Promise<string | undefined> {
  return database.write(async (sql) => {
    if (await hasUsers(sql)) return undefined;
    await sql.run("DELETE FROM tokens WHERE kind = 'setup'");
    return createToken(
      sql,
      { kind: 'setup', username: undefined, name: 'setup', scope: 'admin', expiresAt: now + SETUP_MS },
      { actor: 'server', at: now },
    );
  });
}

/** Makes the first administrator and gives a token of theirs; undefined where the setup token is not good. */
export async function setUp(
  database: Database,
  {
    setupToken: secret,
    username,
    password,
    now,
  }: { setupToken: string; username: string; password: string | undefined; now: number },
): Promise<string | undefined> {
  if (password !== undefined) checkPassword(password);
  const isKnown = await database.read(async (sql) => (await findToken(sql, secret, now))?.kind === 'setup');
  if (!isKnown) return undefined;
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  return database.write(async (sql) => {
    const token = await findToken(sql, secret, now);
    if (token?.kind !== 'setup' || (await hasUsers(sql))) return undefined;
    // Of several who bring it at once, one deletes it.
    if ((await sql.run('DELETE FROM tokens WHERE token_id = ?', token.id)) === 0) return undefined;
    const change = { actor: username, at: now };
    await createUser(sql, { name: username, role: 'admin', passwordHash }, change);
    return createToken(
      sql,
      { kind: 'api', username, name: 'setup', scope: 'admin', expiresAt: now + FIRST_TOKEN_MS },
      change,
    );
  });
}

import { createHmac, randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Database } from '../db/sql.ts';
import type { Identity } from '../tracking/access/identity.ts';
import { matchesPassword } from '../tracking/access/passwords.ts';
import { findToken, hashSecret, TOKEN_PREFIX } from '../tracking/access/tokens.ts';
import { findUser, identityOf } from '../tracking/access/users.ts';
import { isTwice } from './is-twice.ts';
import { unauthenticated } from './policy.ts';
import { identityFromProxy, type ProxyTrust } from './proxy-identity.ts';
import { cookieOf, SESSION_COOKIE } from './session-cookie.ts';
import type { SignInLimit } from './sign-in-limit.ts';

/** How long a token's last use may be out of date, milliseconds. */
const USED_EVERY = 3_600_000;

/** Passwords that were right lately, at most. */
const MAX_KNOWN = 1000;

export interface AuthenticateOptions {
  readonly database: Database;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly limit: SignInLimit;
  /** None: what headers say of users is not looked at. */
  readonly proxy?: ProxyTrust | undefined;
}

/** Knows users by a token, a password (both also as MLflow's Basic), a session, or a proxy's word. */
export class Authenticator {
  readonly #options: AuthenticateOptions;
  /** Digests of passwords that were right, by a key of this process: a slow digest each request is too slow. */
  readonly #known = new Set<string>();
  readonly #key = randomBytes(32);

  constructor(options: AuthenticateOptions) {
    this.#options = options;
  }

  /** @throws MlflowError UNAUTHENTICATED, RESOURCE_EXHAUSTED */
  async identify(request: FastifyRequest): Promise<Identity | undefined> {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      const session = cookieOf(request, SESSION_COOKIE);
      if (session !== undefined) return this.byToken(session);
      const { proxy } = this.#options;
      return proxy === undefined ? undefined : identityFromProxy(request, proxy, this.#options);
    }
    if (isTwice(request, 'authorization')) throw unauthenticated('The header Authorization stands twice.');
    const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(authorization) ?? [];
    switch (scheme.toLowerCase()) {
      case 'bearer':
        return this.byToken(value);
      case 'basic': {
        const text = Buffer.from(value, 'base64').toString('utf8');
        const colon = text.indexOf(':');
        if (colon === -1) throw unauthenticated('The Basic credentials have no password.');
        const [name, password] = [text.slice(0, colon), text.slice(colon + 1)];
        return this.byNameAndSecret(name, password, request.ip);
      }
      default:
        throw unauthenticated('The header Authorization is neither Basic nor Bearer.');
    }
  }

  /** By a password, or by a token in its place; `address` is where it comes from. */
  async byNameAndSecret(name: string, secret: string, address: string): Promise<Identity> {
    return secret.startsWith(TOKEN_PREFIX)
      ? this.byToken(secret, name)
      : this.#byPassword(name, secret, address);
  }

  async endSession(secret: string): Promise<void> {
    await this.#options.database.write((sql) =>
      sql.run("DELETE FROM tokens WHERE hash = ? AND kind = 'session'", hashSecret(secret)),
    );
  }

  /** `name`: who the token must belong to; `token` stands for whoever it does. */
  async byToken(secret: string, name?: string): Promise<Identity> {
    const { database, now } = this.#options;
    const found = await database.read(async (sql) => {
      const token = await findToken(sql, secret, now());
      if (token === undefined || token.kind === 'setup') return undefined;
      const user = token.username === null ? undefined : await findUser(sql, token.username);
      if (user === undefined || (name !== undefined && name !== 'token' && name !== user.name))
        return undefined;
      return { token, identity: await identityOf(sql, user, token.scope, token.id) };
    });
    if (found === undefined) throw unauthenticated('The token is unknown, or it has lapsed.');
    const { token, identity } = found;
    if (token.used_at === null || now() - token.used_at > USED_EVERY)
      await database.write((sql) =>
        sql.run('UPDATE tokens SET used_at = ? WHERE token_id = ?', now(), token.id),
      );
    return identity;
  }

  /** @throws MlflowError UNAUTHENTICATED, RESOURCE_EXHAUSTED */
  async #byPassword(name: string, password: string, address: string): Promise<Identity> {
    const { database, limit } = this.#options;
    // PostgreSQL keeps no NUL: nobody has such a name.
    const user = name.includes('\0') ? undefined : await database.read((sql) => findUser(sql, name));
    const key = createHmac('sha256', this.#key)
      .update(`${user?.passwordHash}\0${password}`)
      .digest('base64url');
    if (user === undefined || !this.#known.has(key)) {
      const matches = await limit.attempt({ name, address }, () =>
        matchesPassword(password, user?.passwordHash),
      );
      if (user === undefined || !matches) throw unauthenticated('The user name or the password is wrong.');
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.add(key);
    }
    return database.read((sql) => identityOf(sql, user, 'admin'));
  }
}

import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../../db/sql.ts';
import { setSignedInGroups } from '../../tracking/access/groups.ts';
import type { Identity } from '../../tracking/access/identity.ts';
import type { Role, Scope } from '../../tracking/access/permission.ts';
import { beginSignIn, endSignIn } from '../../tracking/access/sign-ins.ts';
import { createToken } from '../../tracking/access/tokens.ts';
import { createUser, findUser, findUserBySubject } from '../../tracking/access/users.ts';
import { MlflowError } from '../../tracking/mlflow/mlflow-error.ts';
import type { Authenticator } from '../authenticate.ts';
import { originOf } from '../origin.ts';
import { PUBLIC, unauthenticated } from '../policy.ts';
import { cookieOf, SESSION_COOKIE, SESSION_SECONDS, setCookie } from '../session-cookie.ts';
import { allowPage, pageHeaders, signInPage, tellPage } from './pages.ts';
import type { Claims, Provider } from './provider.ts';

const STATE_COOKIE = 'stockpot_sign_in';
/** How long a person may take at the provider, and the command line for its code; milliseconds. */
const AT_PROVIDER = 600_000;
const CODE_LASTS = 60_000;

export interface SignInOptions {
  readonly authenticator: Authenticator;
  readonly database: Database;
  readonly now: () => number;
  readonly publicUrl: string | undefined;
  readonly provider: Provider | undefined;
  /** Of users whom the provider names for the first time. */
  readonly newUsers: Role;
}

type Fields = Readonly<Record<string, string | undefined>>;

/** Pages where people sign in, by a password or at a provider, and let the command line in. */
export function signInRoutes(app: FastifyInstance, options: SignInOptions): void {
  const { authenticator, database, now, provider, newUsers } = options;
  const open = { config: { policy: PUBLIC }, bodyLimit: 16_384 };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
  const isSecure = (request: FastifyRequest): boolean =>
    originOf(request, options.publicUrl).startsWith('https:');
  const show = (reply: FastifyReply, html: (nonce: string) => string, status = 200): FastifyReply => {
    const nonce = randomBytes(16).toString('base64');
    return reply.code(status).headers(pageHeaders(nonce)).send(html(nonce));
  };
  const signedIn = async (request: FastifyRequest): Promise<Identity | undefined> => {
    const session = cookieOf(request, SESSION_COOKIE);
    if (session === undefined) return undefined;
    try {
      return await authenticator.byToken(session);
    } catch (error) {
      if (error instanceof MlflowError) return undefined;
      throw error;
    }
  };
  const begin = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { username, scope }: { username: string; scope: Scope },
  ): Promise<void> => {
    const session = await database.write((sql) =>
      createToken(
        sql,
        {
          kind: 'session',
          username,
          name: 'session',
          scope,
          expiresAt: now() + SESSION_SECONDS * 1000,
        },
        { actor: username, at: now() },
      ),
    );
    reply.header(
      'set-cookie',
      setCookie(SESSION_COOKIE, session, {
        secure: isSecure(request),
        seconds: SESSION_SECONDS,
        sameSite: 'Lax',
      }),
    );
  };

  app.get('/sign-in', open, async (request, reply) => {
    const next = localPath((request.query as Fields)['next']);
    return show(reply, (nonce) => signInPage({ nonce, next, hasProvider: provider !== undefined }));
  });

  app.post('/sign-in', open, async (request, reply) => {
    requireOrigin(request);
    const { username = '', password = '', next: given } = fieldsOf(request);
    const next = localPath(given);
    try {
      const identity = await authenticator.byNameAndSecret(username, password, request.ip);
      await begin(request, reply, { username: identity.name, scope: scopeOf(identity) });
      return await reply.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof MlflowError)) throw error;
      const problem =
        error.code === 'RESOURCE_EXHAUSTED' ? error.message : 'The user or the password is wrong.';
      const hasProvider = provider !== undefined;
      return show(reply, (nonce) => signInPage({ nonce, next, hasProvider, problem }), 401);
    }
  });

  app.post('/sign-out', open, async (request, reply) => {
    requireOrigin(request);
    const session = cookieOf(request, SESSION_COOKIE);
    if (session !== undefined) await authenticator.endSession(session);
    return reply
      .header(
        'set-cookie',
        setCookie(SESSION_COOKIE, '', { secure: isSecure(request), seconds: 0, sameSite: 'Lax' }),
      )
      .redirect('/sign-in', 303);
  });

  if (provider !== undefined) {
    const redirectUri = (request: FastifyRequest): string =>
      `${originOf(request, options.publicUrl)}/sign-in/callback`;
    app.get('/sign-in/provider', open, async (request, reply) => {
      const begun = await provider.begin();
      const next = localPath((request.query as Fields)['next']);
      const data = JSON.stringify({ nonce: begun.nonce, next });
      const state = await database.write((sql) =>
        beginSignIn(
          sql,
          { kind: 'provider', username: undefined, challenge: begun.verifier, data },
          { now: now(), until: now() + AT_PROVIDER },
        ),
      );
      const address = await provider.address(begun, state, redirectUri(request));
      // The way back comes from another site.
      const cookie = { secure: isSecure(request), seconds: AT_PROVIDER / 1000, sameSite: 'Lax' } as const;
      return reply.header('set-cookie', setCookie(STATE_COOKIE, state, cookie)).redirect(address, 303);
    });

    app.get('/sign-in/callback', open, async (request, reply) => {
      const state = (request.query as Fields)['state'] ?? '';
      const begun =
        state !== '' && cookieOf(request, STATE_COOKIE) === state
          ? await database.write((sql) => endSignIn(sql, 'provider', state, now()))
          : undefined;
      if (begun === undefined) throw unauthenticated('This sign-in was not begun here, or it took too long.');
      const { nonce, next } = JSON.parse(begun.data) as { nonce: string; next: string };
      const cameTo = new URL(request.url, originOf(request, options.publicUrl));
      const claims = await provider.finish({ verifier: begun.challenge, nonce }, state, cameTo);
      const username = await userOf(database, claims, newUsers, now());
      await begin(request, reply, { username, scope: 'admin' });
      return reply.redirect(next, 303);
    });
  }

  app.get('/sign-in/cli', open, async (request, reply) => {
    const asked = cliRequest(request.query as Fields);
    const identity = await signedIn(request);
    if (identity === undefined)
      return reply.redirect(`/sign-in?next=${encodeURIComponent(request.url)}`, 303);
    const username = nameOfWhole(identity);
    return show(reply, (nonce) => allowPage({ nonce, username, where: asked.where, fields: { ...asked } }));
  });

  app.post('/sign-in/allow', open, async (request, reply) => {
    requireOrigin(request);
    const { port, challenge, state, where } = cliRequest(fieldsOf(request));
    const identity = await signedIn(request);
    if (identity === undefined) throw unauthenticated();
    const username = nameOfWhole(identity);
    const code = await database.write((sql) =>
      beginSignIn(
        sql,
        { kind: 'code', username, challenge, data: where },
        { now: now(), until: now() + CODE_LASTS },
      ),
    );
    return reply.redirect(
      `http://127.0.0.1:${port}/?${new URLSearchParams({ code, state }).toString()}`,
      303,
    );
  });

  app.get('/', open, async (_, reply) =>
    show(reply, (nonce) =>
      tellPage(
        nonce,
        'Stockpot',
        'MLflow’s clients work with this address as MLFLOW_TRACKING_URI; `recipe login` gets a token.',
      ),
    ),
  );
}

/** Who the provider's user is here; made at the first sign-in, never taken over from somebody of the same name. */
async function userOf(database: Database, claims: Claims, role: Role, at: number): Promise<string> {
  const { subject, name, groups } = claims;
  return database.write(async (sql) => {
    const known = await findUserBySubject(sql, subject);
    if (known === undefined && (await findUser(sql, name)) !== undefined)
      throw unauthenticated(`There is another user ${name} here, who does not sign in with the provider.`);
    const user =
      known ?? (await createUser(sql, { name, role, passwordHash: undefined, subject }, { actor: name, at }));
    await setSignedInGroups(sql, user.name, groups);
    return user.name;
  });
}

function scopeOf(identity: Identity): Scope {
  return identity.kind === 'user' ? identity.scope : 'admin';
}

/** The command line gets a token that is good for everything: who lets it in has one. */
function nameOfWhole(identity: Identity): string {
  const scope = scopeOf(identity);
  if (scope === 'admin') return identity.name;
  throw new MlflowError(
    'PERMISSION_DENIED',
    `You signed in by a token that is good for '${scope}' only: sign out, and in by your password.`,
  );
}

/** @throws MlflowError INVALID_PARAMETER_VALUE for what PostgreSQL does not keep */
function fieldsOf({ body }: FastifyRequest): Fields {
  const pairs = body instanceof URLSearchParams ? [...body] : [];
  if (pairs.some(([, value]) => value.includes('\0')))
    throw new MlflowError('INVALID_PARAMETER_VALUE', 'A field of the form holds a NUL.');
  return Object.fromEntries(pairs);
}

/** A form is sent by a page of this server alone; browsers say so. */
function requireOrigin(request: FastifyRequest): void {
  if (request.headers.origin === undefined)
    throw new MlflowError('PERMISSION_DENIED', 'This form is sent by a browser, which says its origin.');
}

/** A path of this server; another address would be anybody's. */
function localPath(next: string | undefined): string {
  const base = 'http://local.invalid';
  if (next === undefined || !next.startsWith('/') || !URL.canParse(next, base)) return '/';
  const url = new URL(next, base);
  return url.origin === base ? `${url.pathname}${url.search}` : '/';
}

/** @throws MlflowError INVALID_PARAMETER_VALUE */
function cliRequest({ port = '', challenge = '', state = '', where = '' }: Fields): {
  port: string;
  challenge: string;
  state: string;
  where: string;
} {
  if (!/^\d{1,5}$/.test(port) || !/^[\w-]{43}$/.test(challenge) || !/^[\w-]{16,64}$/.test(state))
    throw new MlflowError('INVALID_PARAMETER_VALUE', 'This address was not made by `recipe login`.');
  return { port, challenge, state, where: where.slice(0, 100) };
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { endSignIn } from '../../tracking/access/sign-ins.ts';
import { createToken } from '../../tracking/access/tokens.ts';
import { INTEGER, TEXT } from '../answers/shape.ts';
import { message, required, text } from '../message.ts';
import { PUBLIC, unauthenticated } from '../policy.ts';
import { type Route, route } from '../route.ts';

/** Of the token that the command line gets, milliseconds. */
const TOKEN_LASTS = 90 * 86_400_000;

/** Where `recipe login` changes the code that the browser brought it for a token. */
export const SIGN_IN_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/stockpot/sign-in/token',
    'signInToken',
    PUBLIC,
    message({ code: required(text()), verifier: required(text()) }),
    { token: TEXT, username: TEXT, expires_at: INTEGER },
    async ({ database, now }, { code, verifier }) => {
      const expiresAt = now() + TOKEN_LASTS;
      const made = await database.write(async (sql) => {
        const begun = await endSignIn(sql, 'code', code, now());
        if (begun?.username === undefined || !isVerifier(verifier, begun.challenge)) return undefined;
        const { username, data } = begun;
        const token = {
          kind: 'api',
          username,
          name: `recipe login on ${data}`,
          scope: 'admin',
          expiresAt,
        } as const;
        return { token: await createToken(sql, token, { actor: username, at: now() }), username };
      });
      if (made === undefined) throw unauthenticated('The code is unknown, or it has lapsed.');
      return { ...made, expires_at: expiresAt };
    },
  ),
];

/** RFC 7636 §4.6, S256. */
function isVerifier(verifier: string, challenge: string): boolean {
  const made = createHash('sha256').update(verifier).digest('base64url');
  return made.length === challenge.length && timingSafeEqual(Buffer.from(made), Buffer.from(challenge));
}

import type { FastifyRequest } from 'fastify';

/** Set where people sign in with a browser. Forms and calls from other sites do not carry it. */
export const SESSION_COOKIE = 'stockpot_session';

/** Lasts a working day, seconds. */
export const SESSION_SECONDS = 43_200;

export function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

export function setCookie(
  name: string,
  value: string,
  { secure, seconds, sameSite }: { secure: boolean; seconds: number; sameSite: 'Strict' | 'Lax' },
): string {
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${seconds}${secure ? '; Secure' : ''}`;
}

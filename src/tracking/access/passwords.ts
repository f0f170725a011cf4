import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { invalid } from '../mlflow/mlflow-error.ts';

/** OWASP's scrypt setting with the most rounds for 32 MiB: N = 2^15, r = 8, p = 3. */
const COST = { N: 32_768, r: 8, p: 3, maxmem: 64 * 1024 * 1024 };
const KEY_BYTES = 32;

export const MIN_PASSWORD = 12;
const MAX_PASSWORD = 1024;

/** @throws MlflowError INVALID_PARAMETER_VALUE */
export function checkPassword(password: string): void {
  if (password.length < MIN_PASSWORD || password.length > MAX_PASSWORD || password.trim() === '')
    throw invalid(`A password has from ${MIN_PASSWORD} to ${MAX_PASSWORD} characters.`);
}

/** `scrypt$N$r$p$SALT$KEY`, salt and key in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  const { N, r, p } = COST;
  return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Takes as long for a user without a password, `hash` undefined, as for a wrong one. */
export async function matchesPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, n, r, p, salt, key] = (hash ?? (await nobodysHash())).split('$');
  const cost = { ...COST, N: Number(n), r: Number(r), p: Number(p) };
  const expected = Buffer.from(key ?? '', 'base64url');
  const found = await derive(password, Buffer.from(salt ?? '', 'base64url'), cost);
  return timingSafeEqual(found, expected) && hash !== undefined;
}

let nobody: Promise<string> | undefined;

function nobodysHash(): Promise<string> {
  nobody ??= hashPassword(randomBytes(16).toString('base64url'));
  return nobody;
}

function derive(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password.normalize('NFKC'), salt, KEY_BYTES, cost, (error, key) => {
    if (error === null) resolve(key);
    else reject(error);
  });
  return promise;
}

export interface Credentials {
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** The header Authorization for them; undefined for nobody. */
export function authorizationOf({ token, username, password }: Credentials): string | undefined {
  if (token !== undefined && token !== '') return `Bearer ${token}`;
  if (username === undefined || username === '') return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

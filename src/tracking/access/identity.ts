import type { Role, Scope } from './permission.ts';

/** Who asks. */
export type Identity =
  /** Where nobody signs in: whoever can reach the server, which is this machine alone. */
  | { readonly kind: 'local'; readonly name: string }
  | {
      readonly kind: 'user';
      readonly name: string;
      readonly role: Role;
      /** What grants name: `user:ann`, `group:risk`, `everyone`. */
      readonly principals: readonly string[];
      readonly scope: Scope;
      /** Of the token that was shown; undefined for a password or a proxy's word. */
      readonly token?: number;
    };

export function userPrincipal(name: string): string {
  return `user:${name}`;
}

export function groupPrincipal(name: string): string {
  return `group:${name}`;
}

/** All who are signed in. */
export const EVERYONE = 'everyone';

/** What somebody may do with an experiment or a model, MLflow's words: each includes those before it. */
export const PERMISSIONS = ['NO_PERMISSIONS', 'READ', 'USE', 'EDIT', 'MANAGE'] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What a user may do on the whole server: everything, create, or only read. */
export const ROLES = ['viewer', 'member', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** What a token is good for, of what its owner may do: each includes those before it. */
export const SCOPES = ['read', 'write', 'admin'] as const;

export type Scope = (typeof SCOPES)[number];

export function includes<const T extends string>(ordered: readonly T[], has: T, needed: T): boolean {
  return ordered.indexOf(has) >= ordered.indexOf(needed);
}

export function highest<const T extends string>(ordered: readonly T[], found: readonly T[]): T | undefined {
  return ordered.findLast((one) => found.includes(one));
}

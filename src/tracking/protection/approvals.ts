import type { Database } from '../../db/sql.ts';
import { groupsOfUser } from '../access/groups.ts';
import { userPrincipal } from '../access/identity.ts';
import { listPromotions, type Promotion } from './promotion.ts';
import { approve, reject } from './promotions.ts';
import { type Protection, protect, protectionsOf, unprotect } from './protections.ts';

/** Protected aliases and what waits for an approval, in a registry of either kind. */
export interface Approvals {
  protect(name: string, protection: Protection): Promise<void>;
  unprotect(name: string, alias: string): Promise<void>;
  protections(name: string): Promise<readonly Protection[]>;
  /** Newest first. */
  promotions(name: string): Promise<readonly Promotion[]>;
  approve(id: string): Promise<Promotion>;
  reject(id: string): Promise<Promotion>;
}

/** In a database that is opened here: whoever asks is who the machine says, with the groups of that name. */
export function sqlApprovals(
  database: Database,
  { actor, now }: { actor: string; now: () => number },
): Approvals {
  const change = (): { actor: string; at: number } => ({ actor, at: now() });
  const decide = async (id: string, how: typeof approve): Promise<Promotion> =>
    database.write(async (sql) =>
      how(sql, id, {
        ...change(),
        principals: [userPrincipal(actor), ...(await groupsOfUser(sql, actor))],
      }),
    );
  return {
    protect: (name, protection) => database.write((sql) => protect(sql, name, protection, change())),
    unprotect: (name, alias) => database.write((sql) => unprotect(sql, name, alias, change())),
    protections: (name) => database.read((sql) => protectionsOf(sql, name)),
    promotions: (name) => database.read((sql) => listPromotions(sql, name, undefined)),
    approve: (id) => decide(id, approve),
    reject: (id) => decide(id, reject),
  };
}

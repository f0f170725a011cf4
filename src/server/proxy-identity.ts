import { BlockList, isIP, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Database } from '../db/sql.ts';
import { setSignedInGroups } from '../tracking/access/groups.ts';
import type { Identity } from '../tracking/access/identity.ts';
import type { Role } from '../tracking/access/permission.ts';
import { createUser, findUser, identityOf } from '../tracking/access/users.ts';
import { unauthenticated } from './policy.ts';

/** A proxy that signs users in, and says who they are in headers. */
export interface ProxyTrust {
  /** Addresses that it comes from. */
  readonly from: BlockList;
  /** Lower case. */
  readonly userHeader: string;
  /** Names with commas between them. */
  readonly groupsHeader: string;
  /** Of users whom it names for the first time. */
  readonly newUsers: Role;
}

/** @throws Error where one is no address and no range, as in `10.0.0.0/8` */
export function blockListOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of addresses) {
    const [address = '', bits, ...more] = one.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    // A range without its number would be every address.
    const isRange =
      bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 'ipv6' ? 128 : 32));
    if (isIP(address) === 0 || !isRange || more.length > 0)
      throw new Error(`${one} is no address, and no range as 10.0.0.0/8`);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Who the proxy says asks; undefined if it says nothing, or if it is not the proxy that speaks. */
export async function identityFromProxy(
  request: FastifyRequest,
  { from, userHeader, groupsHeader, newUsers }: ProxyTrust,
  { database, now }: { database: Database; now: () => number },
): Promise<Identity | undefined> {
  const address = request.socket.remoteAddress ?? '';
  const name = request.headers[userHeader];
  if (name === undefined || !from.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return undefined;
  if (typeof name !== 'string') throw unauthenticated(`The header ${userHeader} stands twice.`);
  const groups = String(request.headers[groupsHeader] ?? '')
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '');
  const known = await database.read(async (sql) => {
    const user = await findUser(sql, name);
    if (user === undefined) return undefined;
    const rows = await sql.all(
      "SELECT name FROM group_members WHERE username = ? AND source = 'sign-in'",
      name,
    );
    const made = await sql.all('SELECT name FROM groups');
    const before = new Set(rows.map((row) => String(row['name'])));
    const named = made.map((row) => String(row['name'])).filter((group) => groups.includes(group));
    if (named.length !== before.size || named.some((group) => !before.has(group))) return undefined;
    return identityOf(sql, user, 'admin');
  });
  if (known !== undefined) return known;
  return database.write(async (sql) => {
    const change = { actor: name, at: now() };
    const user =
      (await findUser(sql, name)) ??
      (await createUser(sql, { name, role: newUsers, passwordHash: undefined }, change));
    await setSignedInGroups(sql, name, groups);
    return identityOf(sql, user, 'admin');
  });
}

import { grant, grantsOn, revoke } from '../tracking/access/grants.ts';
import { addMember, createGroup, deleteGroup, listGroups, removeMember } from '../tracking/access/groups.ts';
import { isWide, parseResource } from '../tracking/access/parse-resource.ts';
import { PERMISSIONS, ROLES, SCOPES } from '../tracking/access/permission.ts';
import { setUp } from '../tracking/access/set-up.ts';
import { createToken, listTokens, revokeToken } from '../tracking/access/tokens.ts';
import { setRole } from '../tracking/access/users.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { GRANT, GROUP, IDENTITY, TOKEN } from './answers/access-parts.ts';
import { INTEGER, listOf, TEXT } from './answers/shape.ts';
import { changeOf } from './change-of.ts';
import { integer, message, oneOf, otherwise, required, text } from './message.ts';
import { ADMIN, type Need, OWN, on, PUBLIC, SIGNED_IN, unauthenticated } from './policy.ts';
import { type Route, route } from './route.ts';

const RESOURCE = { resource: required(text()) };
const PRINCIPAL = { principal: required(text()) };
const DAY_MS = 86_400_000;

/** Grants to users, groups and everyone: who manages a thing; on all of a kind, who administers the server. */
const MANAGE = on('MANAGE', async (sql, { resource }: { resource: string }): Promise<Need['on'][]> => {
  const of = await parseResource(sql, resource);
  return [isWide(of) ? { kind: 'server' } : of];
});

/** Who may do what, beyond what MLflow's API has words for. */
export const ACCESS_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/stockpot/setup',
    'setUp',
    PUBLIC,
    message({ setup_token: required(text()), username: required(text()), password: text() }),
    { token: TEXT },
    async ({ database, now }, { setup_token, username, password }) => {
      const token = await setUp(database, { setupToken: setup_token, username, password, now: now() });
      if (token === undefined) throw unauthenticated('The setup token is unknown, or it was used.');
      return { token };
    },
  ),
  route('GET', '/stockpot/whoami', 'whoAmI', SIGNED_IN, message({}), IDENTITY, async ({ identity }) =>
    identity.kind === 'local'
      ? { username: identity.name, role: 'admin', signed_in: false }
      : {
          username: identity.name,
          role: identity.role,
          scope: identity.scope,
          principals: identity.principals,
          ...(identity.token === undefined ? {} : { token_id: identity.token }),
          signed_in: true,
        },
  ),
  route(
    'POST',
    '/stockpot/tokens',
    'createToken',
    OWN,
    message({
      name: required(text()),
      scope: otherwise(oneOf(SCOPES), 'write'),
      expires_in_days: otherwise(integer(), 90),
    }),
    { token: TEXT, expires_at: INTEGER },
    async (served, { name, scope, expires_in_days: days }) => {
      const { identity, now, database } = served;
      if (identity.kind === 'local') throw invalid('Nobody signs in to this server: it needs no tokens.');
      if (SCOPES.indexOf(scope) > SCOPES.indexOf(identity.scope))
        throw invalid(`A token that is good for '${identity.scope}' makes none that is good for '${scope}'.`);
      if (days < 1 || days > 3650) throw invalid('expires_in_days is from 1 to 3650.');
      const expiresAt = now() + days * DAY_MS;
      const token = await database.write((sql) =>
        createToken(sql, { kind: 'api', username: identity.name, name, scope, expiresAt }, changeOf(served)),
      );
      return { token, expires_at: expiresAt };
    },
  ),
  route(
    'GET',
    '/stockpot/tokens',
    'listTokens',
    SIGNED_IN,
    message({}),
    { tokens: listOf(TOKEN) },
    async ({ database, identity }) => ({
      tokens: await database.read((sql) => listTokens(sql, identity.name)),
    }),
  ),
  route(
    'DELETE',
    '/stockpot/tokens/{token_id}',
    'revokeToken',
    OWN,
    message({ token_id: required(integer()) }),
    {},
    async (served, { token_id }) => {
      const { database, identity } = served;
      const owner = identity.kind === 'user' && identity.role !== 'admin' ? identity.name : undefined;
      await database.write((sql) => revokeToken(sql, token_id, owner, changeOf(served)));
      return {};
    },
  ),
  route(
    'PATCH',
    '/stockpot/users/{username}',
    'setUserRole',
    ADMIN,
    message({ username: required(text()), role: required(oneOf(ROLES)) }),
    {},
    async (served, { username, role }) => {
      await served.database.write((sql) => setRole(sql, username, role, changeOf(served)));
      return {};
    },
  ),
  route(
    'GET',
    '/stockpot/groups',
    'listGroups',
    ADMIN,
    message({}),
    { groups: listOf(GROUP) },
    async ({ database }) => ({
      groups: await database.read((sql) => listGroups(sql)),
    }),
  ),
  route(
    'POST',
    '/stockpot/groups',
    'createGroup',
    ADMIN,
    message({ name: required(text()), role: oneOf(ROLES) }),
    {},
    async (served, { name, role }) => {
      await served.database.write((sql) => createGroup(sql, { name, role }, changeOf(served)));
      return {};
    },
  ),
  route(
    'DELETE',
    '/stockpot/groups/{name}',
    'deleteGroup',
    ADMIN,
    message({ name: required(text()) }),
    {},
    async (served, { name }) => {
      await served.database.write((sql) => deleteGroup(sql, name, changeOf(served)));
      return {};
    },
  ),
  route(
    'POST',
    '/stockpot/groups/{name}/members',
    'addMember',
    ADMIN,
    message({ name: required(text()), username: required(text()) }),
    {},
    async (served, { name: group, username: user }) => {
      await served.database.write((sql) => addMember(sql, { group, user }, changeOf(served)));
      return {};
    },
  ),
  route(
    'DELETE',
    '/stockpot/groups/{name}/members/{username}',
    'removeMember',
    ADMIN,
    message({ name: required(text()), username: required(text()) }),
    {},
    async (served, { name: group, username: user }) => {
      await served.database.write((sql) => removeMember(sql, { group, user }, changeOf(served)));
      return {};
    },
  ),
  route(
    'GET',
    '/stockpot/grants',
    'listGrants',
    MANAGE,
    message(RESOURCE),
    { grants: listOf(GRANT) },
    async ({ database }, { resource }) => ({
      grants: await database.read(async (sql) => grantsOn(sql, await parseResource(sql, resource))),
    }),
  ),
  route(
    'POST',
    '/stockpot/grants',
    'grant',
    MANAGE,
    message({ ...RESOURCE, ...PRINCIPAL, permission: required(oneOf(PERMISSIONS)) }),
    {},
    async (served, { resource, principal, permission }) => {
      await served.database.write(async (sql) =>
        grant(sql, await parseResource(sql, resource), { principal, permission }, changeOf(served)),
      );
      return {};
    },
  ),
  route(
    'DELETE',
    '/stockpot/grants',
    'revoke',
    MANAGE,
    message({ ...RESOURCE, ...PRINCIPAL }),
    {},
    async (served, { resource, principal }) => {
      await served.database.write(async (sql) =>
        revoke(sql, await parseResource(sql, resource), principal, changeOf(served)),
      );
      return {};
    },
  ),
];

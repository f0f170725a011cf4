import type { Sql } from '../db/sql.ts';
import { grantsOfPrincipal } from '../tracking/access/grants.ts';
import { userPrincipal } from '../tracking/access/identity.ts';
import { checkPassword, hashPassword } from '../tracking/access/passwords.ts';
import type { Scope } from '../tracking/access/permission.ts';
import {
  createUser,
  deleteUser,
  findUser,
  listUsers,
  requireUser,
  setPassword,
  setRole,
  type User,
} from '../tracking/access/users.ts';
import { USER } from './answers/access-parts.ts';
import { listOf } from './answers/shape.ts';
import { changeOf } from './change-of.ts';
import { boolean, message, required, text } from './message.ts';
import { ADMIN, type Policy, SIGNED_IN } from './policy.ts';
import { type Route, route } from './route.ts';

const NAME = message({ username: required(text()) });
const NAME_AND_PASSWORD = message({ username: required(text()), password: required(text()) });

interface Named {
  readonly username: string;
}

/** Oneself, or for administrators anybody. */
const READ_USER: Policy<Named> = own('read');
/** Whoever knows a password signs in for everything. */
const SET_PASSWORD: Policy<Named> = own('admin');

function own(scope: Scope): Policy<Named> {
  return {
    kind: 'role',
    role: ({ username }, identity) => (username === identity.name ? 'viewer' : 'admin'),
    scope,
  };
}

/** Users as MLflow's `basic-auth` app has them, its paths and messages. */
export const USER_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/users/create',
    'createUser',
    ADMIN,
    NAME_AND_PASSWORD,
    { user: USER },
    async (served, { username, password }) => {
      checkPassword(password);
      const passwordHash = await hashPassword(password);
      return {
        user: await served.database.write(async (sql) =>
          userMessage(
            sql,
            await createUser(sql, { name: username, role: 'member', passwordHash }, changeOf(served)),
          ),
        ),
      };
    },
  ),
  route(
    'GET',
    '/mlflow/users/get',
    'getUser',
    READ_USER,
    NAME,
    { user: USER },
    async ({ database }, { username }) => ({
      user: await database.read(async (sql) => userMessage(sql, await requireUser(sql, username))),
    }),
  ),
  route(
    'GET',
    '/mlflow/users/current',
    'getCurrentUser',
    SIGNED_IN,
    message({}),
    { user: USER },
    async ({ database, identity: { name } }) => ({
      user: await database.read(async (sql) => {
        const user = await findUser(sql, name);
        return user === undefined ? { username: name, is_admin: true } : userMessage(sql, user);
      }),
    }),
  ),
  route(
    'GET',
    '/mlflow/users/list',
    'listUsers',
    ADMIN,
    message({}),
    { users: listOf(USER) },
    async ({ database }) => ({
      users: await database.read(async (sql) => (await listUsers(sql)).map(listed)),
    }),
  ),
  route(
    'PATCH',
    '/mlflow/users/update-password',
    'updateUserPassword',
    SET_PASSWORD,
    NAME_AND_PASSWORD,
    {},
    async (served, { username, password }) => {
      checkPassword(password);
      const hash = await hashPassword(password);
      await served.database.write((sql) => setPassword(sql, username, hash, changeOf(served)));
      return {};
    },
  ),
  route(
    'PATCH',
    '/mlflow/users/update-admin',
    'updateUserAdmin',
    ADMIN,
    message({ username: required(text()), is_admin: required(boolean()) }),
    {},
    async (served, { username, is_admin }) => {
      await served.database.write(async (sql) => {
        // Who is no administrator stays what they are: a viewer is not made a member.
        const { role } = await requireUser(sql, username);
        if (is_admin !== (role === 'admin'))
          await setRole(sql, username, is_admin ? 'admin' : 'member', changeOf(served));
      });
      return {};
    },
  ),
  route('DELETE', '/mlflow/users/delete', 'deleteUser', ADMIN, NAME, {}, async (served, { username }) => {
    await served.database.write((sql) => deleteUser(sql, username, changeOf(served)));
    return {};
  }),
];

function listed({ id, name, role }: User): object {
  return { id, username: name, is_admin: role === 'admin' };
}

async function userMessage(sql: Sql, user: User): Promise<object> {
  const { experiments, models } = await grantsOfPrincipal(sql, userPrincipal(user.name));
  return {
    ...listed(user),
    experiment_permissions: Array.from(experiments, ([experiment_id, permission]) => ({
      experiment_id,
      user_id: user.id,
      permission,
    })),
    registered_model_permissions: Array.from(models, ([name, permission]) => ({
      name,
      user_id: user.id,
      permission,
    })),
  };
}

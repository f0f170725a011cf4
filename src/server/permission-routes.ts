import { grant, grantOf, type Resource, revoke } from '../tracking/access/grants.ts';
import { userPrincipal } from '../tracking/access/identity.ts';
import { PERMISSIONS, type Permission } from '../tracking/access/permission.ts';
import { requireUser } from '../tracking/access/users.ts';
import { MlflowError, missing } from '../tracking/mlflow/mlflow-error.ts';
import { EXPERIMENT_PERMISSION, REGISTERED_MODEL_PERMISSION } from './answers/access-parts.ts';
import type { Shape } from './answers/shape.ts';
import { changeOf } from './change-of.ts';
import { type Field, type Message, message, oneOf, required, text } from './message.ts';
import { on, type Policy } from './policy.ts';
import { type Route, route, type Served } from './route.ts';
import { experiment, model } from './things.ts';

const USER = { username: required(text()) };
const GIVEN = { ...USER, permission: required(oneOf(PERMISSIONS)) };

interface OfUser {
  readonly username: string;
}

/** What a user may do with one thing, in MLflow's `basic-auth` messages: of experiments, and of registered models. */
export const PERMISSION_ROUTES: readonly Route[] = [
  ...permissionsOf(
    'experiments',
    { rpc: 'Experiment', called: 'Experiment permission' },
    { name: 'experiment_permission', shape: EXPERIMENT_PERMISSION },
    { experiment_id: required(text()) },
    on('MANAGE', experiment),
    ({ experiment_id: id }) => ({ kind: 'experiment', id }),
  ),
  ...permissionsOf(
    'registered-models',
    { rpc: 'RegisteredModel', called: 'Registered model permission' },
    { name: 'registered_model_permission', shape: REGISTERED_MODEL_PERMISSION },
    { name: required(text()) },
    on('MANAGE', model),
    ({ name }) => ({ kind: 'model', name }),
  ),
];

function permissionsOf<K extends string>(
  folder: string,
  { rpc, called }: { readonly rpc: string; readonly called: string },
  answer: { readonly name: string; readonly shape: Shape },
  id: Readonly<Record<K, Field<string>>>,
  policy: Policy<Readonly<Record<K, string>>>,
  resourceOf: (request: Readonly<Record<K, string>>) => Resource,
): Route[] {
  type Asked = Readonly<Record<K, string>> & OfUser;
  const asked = message({ ...id, ...USER }) as Message<Asked>;
  const given = message({ ...id, ...GIVEN }) as Message<Asked & { permission: Permission }>;
  const response = { [answer.name]: answer.shape };
  const ids = Object.keys(id) as K[];
  const named = (request: Asked): string[] =>
    [...ids, 'username' as const].map((key) => `${key}=${request[key]}`);
  const absent = (request: Asked): MlflowError =>
    missing(`${called} with ${named(request).join(' and ')} not found`);
  const at = (path: string): string => `/mlflow/${folder}/permissions/${path}`;
  const read = async (served: Served, request: Asked): Promise<object> =>
    served.database.read(async (sql) => {
      const user = await requireUser(sql, request.username);
      const permission = await grantOf(sql, resourceOf(request), userPrincipal(user.name));
      if (permission === undefined) throw absent(request);
      const of = Object.fromEntries(ids.map((key) => [key, request[key]]));
      return { [answer.name]: { ...of, user_id: user.id, permission } };
    });
  const write = async (
    served: Served,
    request: Asked & { permission: Permission },
    isNew: boolean,
  ): Promise<void> => {
    await served.database.write(async (sql) => {
      const principal = userPrincipal((await requireUser(sql, request.username)).name);
      const before = await grantOf(sql, resourceOf(request), principal);
      if (isNew && before !== undefined)
        throw new MlflowError(
          'RESOURCE_ALREADY_EXISTS',
          `${called} (${named(request).join(', ')}) already exists.`,
        );
      if (!isNew && before === undefined) throw absent(request);
      const { permission } = request;
      await grant(sql, resourceOf(request), { principal, permission }, changeOf(served));
    });
  };
  return [
    route(
      'POST',
      at('create'),
      `create${rpc}Permission`,
      policy,
      given,
      response,
      async (served, request) => {
        await write(served, request, true);
        return read(served, request);
      },
    ),
    route('GET', at('get'), `get${rpc}Permission`, policy, asked, response, read),
    route('PATCH', at('update'), `update${rpc}Permission`, policy, given, {}, async (served, request) => {
      await write(served, request, false);
      return {};
    }),
    route('DELETE', at('delete'), `delete${rpc}Permission`, policy, asked, {}, async (served, request) => {
      await served.database.write(async (sql) => {
        const principal = userPrincipal((await requireUser(sql, request.username)).name);
        if ((await grantOf(sql, resourceOf(request), principal)) === undefined) throw absent(request);
        await revoke(sql, resourceOf(request), principal, changeOf(served));
      });
      return {};
    }),
  ];
}

import { describe, expect, test } from 'vitest';
import { AccessRig, type Got } from '../rigs/access-rig.ts';

const PASSWORD = 'correct horse battery';
const WHOAMI = { method: 'GET', path: '2.0/stockpot/whoami' } as const;

function basic(name: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}

async function statusOf(rig: AccessRig, headers: Readonly<Record<string, string>>): Promise<number> {
  const { statusCode } = await rig.inject(headers, { method: 'GET', url: `/api/${WHOAMI.path}` });
  return statusCode;
}

describe('a user is known', () => {
  test('by a token, also as the password of Basic, until it lapses or is revoked', async () => {
    await using rig = AccessRig.create();
    const ann = await rig.user('ann');
    const brief = await rig.token('ann', 'write', rig.server.now + 10);
    expect((await rig.ask(ann, WHOAMI)).body).toEqual({
      username: 'ann',
      role: 'member',
      scope: 'admin',
      principals: ['user:ann', 'everyone'],
      token_id: 1,
      signed_in: true,
    });
    expect(await statusOf(rig, basic('ann', ann))).toBe(200);
    expect(await statusOf(rig, basic('token', ann))).toBe(200);
    expect(await statusOf(rig, basic('bob', ann))).toBe(401);
    expect(await statusOf(rig, basic('ann', `${ann}x`))).toBe(401);
    expect(await statusOf(rig, { authorization: `Bearer ${brief}` })).toBe(200);
    rig.server.now += 10;
    expect(await statusOf(rig, { authorization: `Bearer ${brief}` })).toBe(401);
    const { tokens } = (await rig.ask(ann, { method: 'GET', path: '2.0/stockpot/tokens' })).body;
    expect(tokens).toMatchObject([
      { id: 1, used_at: 1000 },
      { id: 2, expires_at: 1010 },
    ]);
    expect(JSON.stringify(tokens)).not.toContain('hash');
    await rig.ask(ann, { method: 'DELETE', path: '2.0/stockpot/tokens/1' });
    expect(await statusOf(rig, basic('ann', ann))).toBe(401);
  });

  test('by a password, until it is another', async () => {
    await using rig = AccessRig.create();
    await rig.userWithPassword('ann', PASSWORD);
    expect(await statusOf(rig, basic('ann', PASSWORD))).toBe(200);
    expect(await statusOf(rig, basic('ann', `${PASSWORD}!`))).toBe(401);
    expect(await statusOf(rig, basic('nobody', PASSWORD))).toBe(401);
    const changed = await rig.inject(basic('ann', PASSWORD), {
      method: 'PATCH',
      url: '/api/2.0/mlflow/users/update-password',
      payload: JSON.stringify({ username: 'ann', password: 'another long one' }),
    });
    expect(changed.statusCode).toBe(200);
    expect(await statusOf(rig, basic('ann', PASSWORD))).toBe(401);
    expect(await statusOf(rig, basic('ann', 'another long one'))).toBe(200);
  });

  test('by no password that is short or empty, and by no default one', async () => {
    await using rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    for (const password of ['', 'short', '            ', 'x'.repeat(1025)]) {
      const { status } = await rig.post(root, 'users/create', { username: 'ann', password });
      expect([password.slice(0, 12), status]).toEqual([password.slice(0, 12), 400]);
    }
    expect(await statusOf(rig, basic('admin', 'password1234'))).toBe(401);
    expect(await statusOf(rig, basic('root', ''))).toBe(401);
  });

  test('and who guesses passwords has to wait', async () => {
    await using rig = AccessRig.create();
    await rig.userWithPassword('ann', PASSWORD);
    const statuses: number[] = [];
    for (let n = 0; n < 12; n += 1) statuses.push(await statusOf(rig, basic('ann', `wrong ${n}`)));
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    expect(await statusOf(rig, basic('ann', PASSWORD))).toBe(429);
    rig.server.now += 600_000;
    expect(await statusOf(rig, basic('ann', PASSWORD))).toBe(200);
  });

  test('by what a trusted proxy says, and by nobody else saying so', async () => {
    await using rig = AccessRig.create();
    await rig.group('risk', [], 'admin');
    const from = async (remoteAddress: string, headers: Record<string, string>): Promise<unknown> => {
      const { body } = await rig.inject(headers, {
        method: 'GET',
        url: `/api/${WHOAMI.path}`,
        remoteAddress,
      });
      return JSON.parse(body);
    };
    const said = { 'x-forwarded-user': 'zoe@example.com', 'x-forwarded-groups': 'other, risk' };
    expect(await from('10.0.0.1', said)).toMatchObject({
      username: 'zoe@example.com',
      role: 'admin',
      principals: ['user:zoe@example.com', 'everyone', 'group:risk'],
    });
    expect(await from('10.0.0.2', said)).toMatchObject({ error_code: 'UNAUTHENTICATED' });
    // Whom the proxy does not name any more in a group is not in it.
    expect(await from('10.0.0.1', { 'x-forwarded-user': 'zoe@example.com' })).toMatchObject({
      role: 'member',
    });
    expect(await from('10.0.0.1', {})).toMatchObject({ error_code: 'UNAUTHENTICATED' });
  });

  test.each(['Digest x', 'Basic', 'Basic bm8=', 'Bearer', 'Bearer stp_', 'Bearer a b', ''])(
    'not by %j',
    async (authorization) => {
      await using rig = AccessRig.create();
      await rig.user('ann');
      expect(await statusOf(rig, { authorization })).toBe(401);
      expect(rig.server.bugs).toEqual([]);
    },
  );
});

describe('what somebody may do', () => {
  test('is what they, their groups and everyone were given; what is said of them alone comes first', async () => {
    await using rig = AccessRig.create();
    const ann = await rig.user('ann');
    const bob = await rig.user('bob');
    await rig.post(ann, 'experiments/create', { name: 'e' });
    const read = async (): Promise<number> =>
      (await rig.get(bob, 'experiments/get', { experiment_id: '1' })).status;
    const write = async (): Promise<number> =>
      (await rig.post(bob, 'runs/create', { experiment_id: '1' })).status;
    const on = { kind: 'experiment', id: '1' } as const;
    expect([await read(), await write()]).toEqual([403, 403]);
    await rig.grant('READ', on, 'everyone');
    expect([await read(), await write()]).toEqual([200, 403]);
    await rig.group('risk', ['bob']);
    await rig.grant('EDIT', { kind: 'experiment', id: '*' }, 'group:risk');
    expect([await read(), await write()]).toEqual([200, 200]);
    await rig.grant('NO_PERMISSIONS', on, 'user:bob');
    expect([await read(), await write()]).toEqual([403, 403]);
    await rig.grant('READ', on, 'user:bob');
    expect([await read(), await write()]).toEqual([200, 403]);
  });

  test('to Default every member writes, and no viewer', async () => {
    await using rig = AccessRig.create();
    const bob = await rig.user('bob');
    const vic = await rig.user('vic', 'viewer');
    expect((await rig.post(bob, 'runs/create', { experiment_id: '0' })).status).toBe(200);
    await rig.grant('MANAGE', { kind: 'experiment', id: '0' }, 'user:vic');
    expect((await rig.post(vic, 'runs/create', { experiment_id: '0' })).status).toBe(403);
    expect((await rig.get(vic, 'experiments/get', { experiment_id: '0' })).status).toBe(200);
    expect((await rig.post(bob, 'experiments/delete', { experiment_id: '0' })).status).toBe(403);
  });

  test('searches find only what may be read, over all pages', async () => {
    await using rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    const bob = await rig.user('bob');
    for (let n = 1; n <= 4; n += 1) {
      await rig.post(root, 'experiments/create', { name: `e${n}` });
      await rig.post(root, 'registered-models/create', { name: `m${n}` });
      await rig.post(root, 'model-versions/create', { name: `m${n}`, source: 's3://b/m' });
    }
    for (const n of ['2', '4']) {
      await rig.grant('READ', { kind: 'experiment', id: n }, 'user:bob');
      await rig.grant('READ', { kind: 'model', name: `m${n}` }, 'everyone');
    }
    await rig.grant('NO_PERMISSIONS', { kind: 'model', name: 'm4' }, 'user:bob');
    const names = async (token: string, path: string, key: string): Promise<string[]> => {
      const found: string[] = [];
      for (let page_token: string | undefined; ; ) {
        const query = { max_results: '1', ...(page_token === undefined ? {} : { page_token }) };
        const { body } = await rig.get(token, path, query);
        found.push(...((body[key] as { name: string }[] | undefined) ?? []).map(({ name }) => name));
        page_token = body['next_page_token'] as string | undefined;
        if (page_token === undefined) return found.toSorted((a, b) => (a < b ? -1 : 1));
      }
    };
    expect(await names(bob, 'experiments/search', 'experiments')).toEqual(['Default', 'e2', 'e4']);
    expect(await names(bob, 'registered-models/search', 'registered_models')).toEqual(['m2']);
    expect(await names(bob, 'model-versions/search', 'model_versions')).toEqual(['m2']);
    expect(await names(root, 'registered-models/search', 'registered_models')).toHaveLength(4);
    expect((await rig.post(bob, 'runs/search', { experiment_ids: ['2', '1'] })).status).toBe(403);
    expect((await rig.post(bob, 'runs/search', { experiment_ids: ['2'] })).status).toBe(200);
  });

  test('goes with a model that gets another name, and not to one that takes its name', async () => {
    await using rig = AccessRig.create();
    const ann = await rig.user('ann');
    const bob = await rig.user('bob');
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    await rig.grant('READ', { kind: 'model', name: 'm' }, 'user:bob');
    await rig.post(ann, 'registered-models/rename', { name: 'm', new_name: 'n' });
    const read = async (name: string): Promise<number> =>
      (await rig.get(bob, 'registered-models/get', { name })).status;
    expect([await read('n'), await read('m')]).toEqual([200, 404]);
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    expect(await read('m')).toBe(403);
    await rig.ask(ann, {
      method: 'DELETE',
      path: '2.0/mlflow/registered-models/delete',
      body: { name: 'n' },
    });
    await rig.post(ann, 'registered-models/create', { name: 'n' });
    expect(await read('n')).toBe(403);
  });

  test('what was done to a model that is gone is for administrators', async () => {
    await using rig = AccessRig.create();
    const [root, ann] = [await rig.user('root', 'admin'), await rig.user('ann')];
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    await rig.ask(ann, {
      method: 'DELETE',
      path: '2.0/mlflow/registered-models/delete',
      body: { name: 'm' },
    });
    const history = (token: string): Promise<Got> =>
      rig.ask(token, { method: 'GET', path: '2.0/stockpot/models/history', query: { name: 'm' } });
    expect((await history(ann)).status).toBe(404);
    const actions = (await history(root)).body['history'] as { action: string }[];
    expect(actions.map(({ action }) => action)).toEqual(['create', 'delete']);
  });

  test('ends with the user: whoever gets the name next starts with nothing', async () => {
    await using rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    const ann = await rig.user('ann');
    await rig.post(ann, 'experiments/create', { name: 'e' });
    await rig.ask(root, { method: 'DELETE', path: '2.0/mlflow/users/delete', body: { username: 'ann' } });
    expect((await rig.ask(ann, WHOAMI)).status).toBe(401);
    const again = await rig.user('ann');
    expect((await rig.get(again, 'experiments/get', { experiment_id: '1' })).status).toBe(403);
  });

  test('leaves one administrator', async () => {
    await using rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    const remove = { method: 'DELETE', path: '2.0/mlflow/users/delete', body: { username: 'root' } } as const;
    expect((await rig.ask(root, remove)).status).toBe(400);
    const demote = { username: 'root', is_admin: false };
    expect(
      (await rig.ask(root, { method: 'PATCH', path: '2.0/mlflow/users/update-admin', body: demote })).status,
    ).toBe(400);
    await rig.user('ann', 'admin');
    expect((await rig.ask(root, remove)).status).toBe(200);
  });

  test('stays what it is for who is no administrator and is made none', async () => {
    await using rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    const tokens = { vic: await rig.user('vic', 'viewer'), ann: await rig.user('ann') };
    const roleAfter = async (user: keyof typeof tokens, is_admin: boolean): Promise<unknown> => {
      const body = { username: user, is_admin };
      const { status } = await rig.ask(root, {
        method: 'PATCH',
        path: '2.0/mlflow/users/update-admin',
        body,
      });
      expect(status).toBe(200);
      return (await rig.ask(tokens[user], WHOAMI)).body['role'];
    };
    expect(await roleAfter('vic', false)).toBe('viewer');
    expect(await roleAfter('ann', false)).toBe('member');
    expect(await roleAfter('ann', true)).toBe('admin');
    expect(await roleAfter('ann', false)).toBe('member');
  });

  test('a token makes none that is good for more', async () => {
    await using rig = AccessRig.create();
    await rig.user('ann');
    const writes = await rig.token('ann', 'write');
    const make = async (scope: string): Promise<number> =>
      (await rig.ask(writes, { method: 'POST', path: '2.0/stockpot/tokens', body: { name: 'x', scope } }))
        .status;
    expect([await make('admin'), await make('write'), await make('read')]).toEqual([400, 200, 200]);
  });
});

test('a password, which is good for everything, is set only by a token that is', async () => {
  await using rig = AccessRig.create();
  await rig.user('root', 'admin');
  await rig.user('ann');
  const set = async (token: string, username: string): Promise<number> => {
    const body = { username, password: PASSWORD };
    return (await rig.ask(token, { method: 'PATCH', path: '2.0/mlflow/users/update-password', body })).status;
  };
  const writes = await rig.token('root', 'write');
  expect([await set(writes, 'root'), await set(writes, 'ann')]).toEqual([403, 403]);
  expect(await set(await rig.token('ann', 'write'), 'ann')).toBe(403);
  expect(await statusOf(rig, basic('root', PASSWORD))).toBe(401);
  expect(await set(await rig.token('ann'), 'ann')).toBe(200);
});

describe('the first administrator', () => {
  test('is made with the setup token, once', async () => {
    await using rig = AccessRig.create();
    const { setupToken } = await import('../../src/tracking/access/set-up.ts');
    const token = await setupToken(rig.server.database, rig.server.now);
    const setUp = { method: 'POST', path: '2.0/stockpot/setup' } as const;
    const asked = { setup_token: token, username: 'ann' };
    expect((await rig.ask(undefined, { ...setUp, body: { ...asked, setup_token: 'x' } })).status).toBe(401);
    // It is good for nothing else.
    expect((await rig.ask(token, WHOAMI)).status).toBe(401);
    const { status, body } = await rig.ask(undefined, { ...setUp, body: asked });
    expect(status).toBe(200);
    expect((await rig.ask(String(body['token']), WHOAMI)).body).toMatchObject({
      username: 'ann',
      role: 'admin',
      scope: 'admin',
    });
    expect((await rig.ask(undefined, { ...setUp, body: { ...asked, username: 'eve' } })).status).toBe(401);
    expect(await setupToken(rig.server.database, rig.server.now)).toBeUndefined();
  });
});

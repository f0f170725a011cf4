import { expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';

/** Model `m` of ann, whose version 1 is the champion, which ann, bob and the robot approve. */
async function protectedModel(rig: AccessRig): Promise<Readonly<Record<'ann' | 'bob' | 'robot', string>>> {
  const [ann, bob, robot] = [await rig.user('ann'), await rig.user('bob'), await rig.user('robot')];
  await rig.post(ann, 'registered-models/create', { name: 'm' });
  for (const _ of [1, 2])
    await rig.post(ann, 'model-versions/create', { name: 'm', source: 's3://models/m' });
  await rig.post(ann, 'registered-models/alias', { name: 'm', alias: 'champion', version: '1' });
  for (const user of ['bob', 'robot']) await rig.grant('EDIT', { kind: 'model', name: 'm' }, `user:${user}`);
  const approvers = ['user:ann', 'user:bob', 'user:robot'];
  await rig.ask(ann, at('POST', 'protections', { name: 'm', alias: 'champion', approvers }));
  return { ann, bob, robot };
}

function at<M extends 'GET' | 'POST'>(
  method: M,
  path: string,
  body: object,
): { method: M; path: string; body: object } {
  return { method, path: `2.0/stockpot/${path}`, body };
}

async function askFor(
  rig: AccessRig,
  token: string,
  asker: string,
): Promise<{ status: number; body: string }> {
  const { statusCode, body } = await rig.inject(
    { authorization: `Bearer ${token}`, 'x-stockpot-for': asker },
    {
      method: 'POST',
      url: '/api/2.0/stockpot/aliases/move',
      payload: { name: 'm', alias: 'champion', version: '2', expected: '1' },
    },
  );
  return { status: statusCode, body };
}

test('whoever asks for somebody else is named with them, and neither of the two approves', async () => {
  await using rig = AccessRig.create();
  const { ann, bob, robot } = await protectedModel(rig);
  const asked = await askFor(rig, robot, 'ann');
  expect(JSON.parse(asked.body)).toMatchObject({
    outcome: { kind: 'pending', promotion: { requested_by: 'robot', requested_for: 'ann' } },
  });
  for (const token of [ann, robot])
    expect(await rig.ask(token, at('POST', 'promotions/1/approve', {}))).toMatchObject({
      status: 403,
      body: { error_code: 'PERMISSION_DENIED' },
    });
  expect((await rig.ask(bob, at('POST', 'promotions/1/approve', {}))).status).toBe(200);
  const { body } = await rig.ask(bob, {
    method: 'GET',
    path: '2.0/stockpot/models/history',
    query: { name: 'm' },
  });
  expect(body['history']).toContainEqual(
    expect.objectContaining({ actor: 'robot', for: 'ann', action: 'ask for champion' }),
  );
});

test('nobody comes to approve what they asked for by saying that it is for another', async () => {
  await using rig = AccessRig.create();
  const { bob } = await protectedModel(rig);
  expect((await askFor(rig, bob, 'ann')).status).toBe(200);
  expect((await rig.ask(bob, at('POST', 'promotions/1/approve', {}))).status).toBe(403);
});

test.each(['', '%', 'a%0Ab', 'a'.repeat(257)])('%j is no name of who asks', async (name) => {
  await using rig = AccessRig.create();
  const { robot } = await protectedModel(rig);
  const { status, body } = await askFor(rig, robot, name);
  expect([status, JSON.parse(body)]).toMatchObject([400, { error_code: 'INVALID_PARAMETER_VALUE' }]);
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const HISTORY = ['models', 'history', 'm', '--json'] as const;

test('models of a server are seen and decided on in a folder of no project, which stays as it is', async () => {
  await using team = await CliRig.create();
  await using server = await ServerProcess.start(team, '--auth', 'on');
  for (const user of ['root', 'ann', 'bob']) await team.recipe('server', 'user', 'add', user);
  const tokenOf = async (user: string): Promise<string> =>
    (await team.recipe('server', 'token', 'add', user)).out.trim();
  await using ann = await RegistryRig.create(', alias: champion');
  ann.cli.env['STOCKPOT_TRACKING_URL'] = server.url;
  ann.cli.env['STOCKPOT_TOKEN'] = await tokenOf('ann');
  await ann.train(1);
  await team.recipe('server', 'grant', 'READ', 'model:m', 'user:bob');

  await using empty = await CliRig.create();
  const as = async (user: string, ...args: string[]): Promise<Outcome> => {
    empty.env['STOCKPOT_TOKEN'] = await tokenOf(user);
    return empty.recipe('models', ...args, '--tracking', server.url);
  };
  const said: string[] = [];
  for (const [user, ...args] of [
    ['ann', 'protect', 'm', '--approvers', 'user:bob', '--alias', 'next'],
    ['ann', 'promote', 'm/1', '--to', 'next'],
    ['bob', 'reject', '1'],
    ['ann', 'promote', 'm@champion', '--to', 'next'],
    ['bob', 'approve', '2'],
    ['ann', 'unprotect', 'm', '--alias', 'next'],
  ] as const) {
    const { exit, out, err } = await as(user, ...args);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    said.push(out);
  }
  expect(said).toEqual([
    'm: next moves only when user:bob approves\n',
    'm: next → version 1 is pending: somebody else approves it with `recipe models approve 1`\n',
    'm: the wish for version 1 as next is rejected\n',
    'm: next → version 1 is pending: somebody else approves it with `recipe models approve 2`\n',
    'm: next → version 1\n',
    'm: next moves freely\n',
  ]);
  expect((await as('bob', 'list')).out).toContain('champion → 1, next → 1');
  expect((await as('bob', 'show', 'm')).out).toContain('ask for next');
  expect((await as('bob', 'promotions', 'm')).out).toContain('rejected');
  const { out: history } = await as('bob', 'history', 'm', '--json');
  for (const name of ['STOCKPOT_TRACKING_URL', 'STOCKPOT_REGISTRY_URL'])
    expect(await withEnv(empty, name, server.url)).toMatchObject({ exit: 0, out: history });
  expect(existsSync(join(empty.dir, '.stockpot'))).toBe(false);
});

test('what a server does not let somebody do is refused as of use, not as out of reach', async () => {
  await using team = await CliRig.create();
  await using server = await ServerProcess.start(team, '--auth', 'on');
  await using ann = await RegistryRig.create();
  await using bob = await CliRig.create();
  for (const [rig, user] of [
    [ann.cli, 'ann'],
    [bob, 'bob'],
  ] as const) {
    await team.recipe('server', 'user', 'add', user);
    rig.env['STOCKPOT_TRACKING_URL'] = server.url;
    rig.env['STOCKPOT_TOKEN'] = (await team.recipe('server', 'token', 'add', user)).out.trim();
  }
  await ann.train(1);
  await team.recipe('server', 'grant', 'READ', 'model:m', 'user:bob');
  const promoted = async (rig: CliRig): Promise<unknown> => {
    const { exit, err } = await rig.recipe('models', 'promote', 'm/1', '--to', 'live', '--json');
    const { code, message, hint } = JSON.parse(err) as Record<string, string>;
    return { exit, code, said: message?.split('PERMISSION_DENIED, ')[1], hint };
  };
  const refused = {
    exit: 2,
    code: 'TRACKING_FORBIDDEN',
    hint: 'Ask who manages it, or who administers the server: `recipe server grant`.',
  };
  expect(await promoted(bob)).toEqual({ ...refused, said: expect.stringContaining('bob') });
  const protection = ['--alias', 'live', '--approvers', 'user:bob', '--require', 'validated'];
  expect((await ann.cli.recipe('models', 'protect', 'm', ...protection)).exit).toBe(0);
  const verdict = { name: 'm', version: '1', key: 'stockpot.verdict', value: 'UNKNOWN' };
  const answer = await fetch(`${server.url}/api/2.0/mlflow/model-versions/set-tag`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${ann.cli.env['STOCKPOT_TOKEN']}`,
    },
    body: JSON.stringify(verdict),
  });
  expect(answer.status).toBe(200);
  expect(await promoted(ann.cli)).toEqual({
    ...refused,
    said: expect.stringContaining('is for versions that were validated'),
  });
});

test('without a project and without a server it is said what lacks', async () => {
  await using empty = await CliRig.create();
  for (const args of [HISTORY, ['models', 'approve', '1', '--json']]) {
    const { exit, err } = await empty.recipe(...args);
    expect([exit, JSON.parse(err)]).toEqual([
      2,
      expect.objectContaining({
        code: 'REGISTRY_NOT_NAMED',
        message: `There is no recipe in ${empty.dir}, and no server of models is named`,
      }),
    ]);
  }
  expect(await withEnv(empty, 'STOCKPOT_TRACKING_URL', '')).toMatchObject({ exit: 2 });
  const wrong = await withEnv(empty, 'STOCKPOT_TRACKING_URL', 'mlflow.example.com');
  expect(JSON.parse(wrong.err)).toMatchObject({ code: 'ADDRESS_INVALID' });
});

async function withEnv(rig: CliRig, name: string, value: string): Promise<Outcome> {
  rig.env[name] = value;
  const outcome = await rig.recipe(...HISTORY);
  delete rig.env[name];
  return outcome;
}

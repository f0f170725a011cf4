import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

test('READ and WRITE are granted on the shared cache of a server, and shown', async () => {
  await using rig = await CliRig.create({});
  for (const name of ['ann', 'bob']) await rig.recipe('server', 'user', 'add', name);
  expect((await rig.recipe('server', 'grants', 'cache')).out).toBe(
    'as by their role: viewers READ, members EDIT\n',
  );
  const said = [
    await rig.recipe('server', 'grant', 'READ', 'cache', 'everyone'),
    await rig.recipe('server', 'grant', 'WRITE', 'cache', 'user:ann'),
    await rig.recipe('server', 'grant', 'WRITE', 'experiment:0', 'user:ann'),
  ];
  expect(said.map(({ exit, out }) => [exit, out])).toEqual([
    [0, 'everyone has READ on cache\n'],
    [0, 'user:ann has EDIT on cache\n'],
    [2, ''],
  ]);
  expect(JSON.parse((await rig.recipe('server', 'grants', 'cache', '--json')).out)).toEqual([
    { principal: 'everyone', permission: 'READ' },
    { principal: 'user:ann', permission: 'EDIT' },
  ]);
  expect((await rig.recipe('server', 'revoke', 'cache', 'everyone')).exit).toBe(0);
});

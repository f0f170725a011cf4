import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

/** A user's token, as the administrator makes it on the server's machine. */
async function tokenOf(team: CliRig, user: string): Promise<string> {
  await team.recipe('server', 'user', 'add', user);
  return (await team.recipe('server', 'token', 'add', user)).out.trim();
}

test('one’s recipe wants to promote, another approves, and the history shows both', async () => {
  await using team = await CliRig.create();
  await using server = await ServerProcess.start(team, '--auth', 'on');
  await team.recipe('server', 'user', 'add', 'root', '--role', 'admin');
  await using ann = await RegistryRig.create(', alias: champion');
  await using bob = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' });
  for (const [rig, name] of [
    [ann.cli, 'ann'],
    [bob, 'bob'],
  ] as const) {
    rig.env['STOCKPOT_TRACKING_URL'] = server.url;
    rig.env['STOCKPOT_TOKEN'] = await tokenOf(team, name);
  }
  await team.recipe('server', 'group', 'add', 'risk');
  await team.recipe('server', 'group', 'add', 'risk', 'bob');

  await ann.train(1);
  const protect = await ann.cli.recipe('models', 'protect', 'm', '--approvers', 'group:risk');
  expect([protect.exit, protect.out]).toEqual([0, 'm: champion moves only when group:risk approves\n']);
  // Whose model it is does not let others in by itself.
  expect((await bob.recipe('models', 'promotions', 'm', '--json')).exit).toBe(2);
  await team.recipe('server', 'grant', 'READ', 'model:m', 'group:risk');

  const events = await ann.cli.events('-S', 'steps.train.with.n=2');
  expect(events.find(({ type }) => type.startsWith('effect.'))).toMatchObject({
    type: 'effect.pending',
    state: { model: 'm', version: '2', alias: 'champion' },
    promotion: '1',
    approve: 'recipe models approve 1',
  });
  expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'succeeded' });

  const own = await ann.cli.recipe('models', 'approve', '1', '--json');
  expect([own.exit, JSON.parse(own.err)]).toMatchObject([2, { code: 'ACCESS_REFUSED' }]);
  const approved = await bob.recipe('models', 'approve', '1');
  expect([approved.exit, approved.out]).toEqual([0, 'm: champion → version 2 (before: 1)\n']);
  const { out } = await bob.recipe('models', 'history', 'm', '--json');
  const history = JSON.parse(out) as { actor: string; action: string; before: string; after: string }[];
  expect(history.slice(-3).map(({ actor, action, before, after }) => [actor, action, before, after])).toEqual(
    [
      ['ann', 'ask for champion', '1', '2'],
      ['bob', 'alias champion', '1', '2'],
      ['bob', 'approve champion #1', '1', '2'],
    ],
  );
  // Run again, the recipe finds it as it asked.
  expect(await ann.train(2)).toMatchObject({ effect: 'unchanged' });
});

test('in one’s own registry too, nobody approves what they asked for', async () => {
  await using rig = await RegistryRig.create(', alias: champion');
  rig.cli.env['USER'] = 'ann';
  await rig.train(1);
  expect((await rig.cli.recipe('models', 'protect', 'm', '--approvers', 'user:ann,user:bob')).exit).toBe(0);
  await rig.train(2);
  const asked = await rig.cli.recipe('models', 'promote', 'm/2', '--json');
  expect(JSON.parse(asked.out)).toMatchObject({
    after: '2',
    before: '1',
    pending: '1',
    approve: 'recipe models approve 1',
  });
  expect((await rig.cli.recipe('models', 'approve', '1')).exit).toBe(2);
  rig.cli.env['USER'] = 'bob';
  expect((await rig.cli.recipe('models', 'approve', '1')).exit).toBe(0);
  const shown = await rig.cli.recipe('models', 'promotions', 'm', '--json');
  expect(JSON.parse(shown.out)).toMatchObject([
    { state: 'approved', requested_by: 'ann', decided_by: 'bob' },
  ]);
});

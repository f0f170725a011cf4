import { describe, expect, test } from 'vitest';
import { CliRig, eventsOf } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { TeamRig } from '../rigs/team-rig.ts';

/** Submits the recipe, and gives what its effect came to. */
async function submit({ cli }: RegistryRig, n: number): Promise<object | undefined> {
  const { out, err } = await cli.recipe('run', '--submit', '--json', '-S', `steps.train.with.n=${n}`);
  expect(err).toBe('');
  const { run } = JSON.parse(out) as { run: string };
  const followed = await cli.recipe('attach', run, '--json');
  const effect = eventsOf(followed.out).find(({ type }) => type.startsWith('effect.'));
  if (effect?.type === 'effect.failed') throw new Error(effect.error.message);
  return effect;
}

describe('what a submitted run asks for', () => {
  test('is asked by who submitted it, where the driver keeps the registry itself', async () => {
    await using team = await TeamRig.start('--drive', '1');
    await using ann = await RegistryRig.create(', alias: champion');
    await using bob = await CliRig.create(TeamRig.recipe);
    await team.join(ann.cli, 'ann');
    await team.join(bob, 'bob');
    ann.cli.env['STOCKPOT_SERVER_URL'] = team.server.url;
    await ann.cli.write('profiles/local.yaml', `cache: { remote: "${team.server.url}", accept: any }\n`);
    expect(await submit(ann, 1)).toMatchObject({ type: 'effect.done' });
    await team.protect('ann', 'bob');
    expect(await submit(ann, 2)).toMatchObject({ type: 'effect.pending', promotion: '1' });

    const own = await ann.cli.recipe('models', 'approve', '1', '--json');
    expect([own.exit, JSON.parse(own.err)]).toMatchObject([2, { code: 'ACCESS_REFUSED' }]);
    expect(await bob.recipe('models', 'approve', '1')).toMatchObject({
      exit: 0,
      err: '',
      out: 'm: champion → version 2 (before: 1)\n',
    });
    expect((await team.history()).filter(([, , action]) => /champion/.test(action ?? ''))).toEqual([
      ['ann', undefined, 'alias champion'],
      ['keeper', undefined, 'protect champion'],
      ['ann', undefined, 'ask for champion'],
      ['bob', undefined, 'alias champion'],
      ['bob', undefined, 'approve champion #1'],
    ]);
    const runs = await team.home.recipe('runs', 'list', '--columns', 'user_id', '--json');
    expect(runs.out).toContain('"user":"ann"');
    expect(runs.out).not.toContain('keeper');
  });

  test('is asked by its driver for who submitted it, where a server has the registry', async () => {
    await using team = await TeamRig.start('--submissions');
    await using ann = await RegistryRig.create(', alias: champion');
    await using bob = await CliRig.create(TeamRig.recipe);
    await team.join(ann.cli, 'ann');
    await team.join(bob, 'bob');
    // The driver has the ledger, and signs in as somebody who may approve, too.
    await team.join(team.home, 'robot');
    delete team.home.env['STOCKPOT_TRACKING_URL'];
    ann.cli.env['STOCKPOT_SERVER_URL'] = team.server.url;
    await ann.cli.write(
      'profiles/local.yaml',
      `tracking: ${team.server.url}\ncache: { remote: "${team.server.url}", accept: any }\n`,
    );
    await using _driver = await DriverProcess.start(team.home);
    expect(await submit(ann, 1)).toMatchObject({ type: 'effect.done' });
    await team.protect('ann', 'bob', 'robot');
    expect(await submit(ann, 2)).toMatchObject({ type: 'effect.pending', promotion: '1' });

    for (const rig of [ann.cli, team.home]) {
      const refused = await rig.recipe('models', 'approve', '1', '--tracking', team.server.url);
      expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining('asked for it')]);
    }
    const shown = await bob.recipe('models', 'promotions', 'm');
    expect(shown.out).toContain('robot for ann');
    expect((await bob.recipe('models', 'approve', '1')).exit).toBe(0);
    const runs = await team.home.recipe('runs', 'list', '--columns', 'user_id', '--json');
    expect(runs.out).toContain('"user":"ann"');
    expect(runs.out).not.toContain('robot');
    expect((await bob.recipe('models', 'history', 'm')).out).toContain('robot for ann');
    expect((await team.history()).filter(([, , action]) => /champion/.test(action ?? ''))).toEqual([
      ['robot', 'ann', 'alias champion'],
      ['robot-at-home', undefined, 'protect champion'],
      ['robot', 'ann', 'ask for champion'],
      ['bob', undefined, 'alias champion'],
      ['bob', undefined, 'approve champion #1'],
    ]);
  });

  test('a schedule asks for in the name of who applied it', async () => {
    await using ann = await RegistryRig.create(', alias: champion');
    const { cli } = ann;
    cli.env['USER'] = 'ann';
    await cli.write('profiles/nightly.yaml', "schedule: { cron: '0 3 * * *', timezone: UTC }\n");
    await ann.train(2);
    await cli.recipe('models', 'protect', 'm', '--approvers', 'user:ann,user:keeper');
    expect(await cli.recipe('schedules', 'apply', '-p', 'nightly')).toMatchObject({ exit: 0, err: '' });
    cli.env['USER'] = 'keeper';
    const ran = await cli.recipe('schedules', 'run', await nameOf(cli), '--json');
    expect([ran.exit, ran.err]).toEqual([0, '']);
    const promotions = JSON.parse((await cli.recipe('models', 'promotions', 'm', '--json')).out) as unknown;
    expect(promotions).toMatchObject([{ requested_by: 'ann', requested_for: null, state: 'pending' }]);
  });
});

async function nameOf(cli: CliRig): Promise<string> {
  const { out } = await cli.recipe('schedules', 'list', '--json');
  return (JSON.parse(out) as { name: string }[])[0]?.name ?? '';
}

import { expect, test } from 'vitest';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const ELSEWHERE = 's3://bucket/model';

async function register(server: ServerProcess, name: string): Promise<void> {
  await server.api('model-versions/create', { name, source: ELSEWHERE });
}

test('models that clients registered are seen and promoted at a server as in its own home', async () => {
  await using team = await CliRig.create();
  await using server = await ServerProcess.start(team);
  for (const name of ['Bare', 'Two']) await server.api('registered-models/create', { name });
  const prompt = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
  await server.api('registered-models/create', { name: 'greeting', tags: prompt });
  for (const name of ['Two', 'Two', 'greeting']) await register(server, name);
  await using away = await CliRig.create();
  const places: readonly ((...args: string[]) => Promise<Outcome>)[] = [
    (...args) => away.recipe('models', ...args, '--tracking', server.url),
    (...args) => team.recipe('models', ...args),
  ];

  for (const [at, models] of places.entries()) {
    const alias = `at${at}`;
    expect(await models('promote', 'Two/2', '--to', alias)).toMatchObject({
      exit: 0,
      err: '',
      out: `Two: ${alias} → version 2\n`,
    });
    expect((await models('promote', `Two@${alias}`, '--to', 'last')).exit).toBe(0);
    const listed = await models('list', '--json');
    expect(JSON.parse(listed.out)).toEqual([
      { name: 'Bare', versions: [] },
      {
        name: 'Two',
        versions: [
          expect.objectContaining({ version: '2', aliases: expect.arrayContaining([alias, 'last']) }),
          expect.objectContaining({ version: '1', aliases: [] }),
        ],
      },
    ]);
    const shown = await models('show', 'Two');
    expect(shown).toMatchObject({ exit: 0, err: '' });
    expect(shown.out).toMatch(/^version .* digest +run\n +2 +at0.*\n +1 /);
    expect(await models('show', 'Bare')).toMatchObject({ exit: 0, err: '' });
    const missing = await models('show', 'Twp', '--json');
    expect([missing.exit, JSON.parse(missing.err)]).toEqual([
      2,
      expect.objectContaining({ code: 'MODEL_NOT_FOUND', hint: 'Did you mean Two?' }),
    ]);
  }
});

test('a version of unknown files is none that a verdict was given against, and no input of a step', async () => {
  await using rig = await RegistryRig.create();
  await rig.train(1);
  await using server = await ServerProcess.start(rig.cli);
  await register(server, 'm');
  expect(await rig.promote('m/2')).toEqual({ exit: 0, before: null, after: '2' });
  const refused = { exit: 3, code: 'CHAMPION_CHANGED' };
  expect(await rig.promote('m/1')).toMatchObject({
    ...refused,
    message: expect.stringContaining('champion is now version 2 (of others)'),
  });
  const away = async (...args: string[]): Promise<[number | undefined, unknown]> => {
    const { exit, err } = await rig.cli.recipe(...args, '--json', '--tracking', server.url);
    return [exit, JSON.parse(err)];
  };
  expect(await away('models', 'promote', 'm/1')).toEqual([
    3,
    expect.objectContaining({ code: refused.code }),
  ]);
  const { exit, out } = await rig.cli.recipe('run', '-S', 'steps.train.with.n=2');
  expect(exit).toBe(69);
  expect(out).toContain('the files of version 2 are not in this registry');
});

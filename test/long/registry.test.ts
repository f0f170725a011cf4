import { describe, expect, test } from 'vitest';
import { RegistryRig } from '../rigs/registry-rig.ts';

describe('a model version is registered once', () => {
  test('by four runs at once, each in a process of its own', async () => {
    await using rig = await RegistryRig.create();
    expect((await rig.cli.recipe('run', '-p', 'dry')).exit).toBe(0);
    const runs = await Promise.all([0, 1, 2, 3].map(() => rig.cli.events()));
    expect(runs.flat().filter(({ type }) => type === 'effect.failed')).toEqual([]);
    expect(runs.map((events) => events.find(({ type }) => type === 'run.finished'))).toMatchObject(
      runs.map(() => ({ outcome: 'succeeded', counts: { cached: 3 } })),
    );
    const effects = runs.flatMap((events) => events.filter(({ type }) => type.startsWith('effect.')));
    expect(effects.map(({ type }) => type).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'effect.done',
      'effect.unchanged',
      'effect.unchanged',
      'effect.unchanged',
    ]);
    const { versions, history } = await rig.show();
    expect(versions.map(({ version }) => version)).toEqual(['1']);
    expect(history.map(({ action }) => action)).toEqual(['create', 'register']);
  });

  test('and takes the tags and the description that the recipe now gives', async () => {
    await using rig = await RegistryRig.create(', tags: { team: blue }, description: first');
    expect((await rig.train(1))['effect']).toBe('done');
    expect((await rig.train(1))['effect']).toBe('unchanged');
    const text = await rig.cli.read('recipe.yaml');
    await rig.cli.write('recipe.yaml', text.replace('blue', 'red').replace('first', 'second'));
    expect(await rig.train(1)).toEqual({
      train: 'cached',
      judge: 'cached',
      register: 'succeeded',
      effect: 'done',
    });
    const { versions, history } = await rig.show();
    expect(versions).toMatchObject([{ version: '1', description: 'second', tags: { team: 'red' } }]);
    expect(history.map(({ action, before, after }) => [action, before, after])).toEqual([
      ['create', null, null],
      ['register', null, '1'],
      ['tag team of 1', 'blue', 'red'],
      ['description of 1', 'first', 'second'],
    ]);
  });
});

describe('kill -9 of the driver, then the same command', () => {
  test.each([
    'registry.before-register',
    'registry.before-commit',
    'registry.after-register',
    'effect.registered',
    'alias.before-commit',
    'alias.after-commit',
  ])('at %s: one version, with its alias, and each change once', async (failpoint) => {
    await using rig = await RegistryRig.create(', alias: champion');
    rig.cli.env['STOCKPOT_FAILPOINT'] = failpoint;
    expect(await rig.cli.recipe('run')).toMatchObject({ signal: 'SIGKILL' });
    delete rig.cli.env['STOCKPOT_FAILPOINT'];
    await rig.cli.run();
    const { versions, history } = await rig.show();
    expect(versions).toMatchObject([{ version: '1', aliases: ['champion'] }]);
    expect(history.map(({ action }) => action)).toEqual(['create', 'register', 'alias champion']);
  });
});

describe('models promote', () => {
  test('moves an alias from the model that the verdict names, and says what it did', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    expect(await rig.promote('m/1')).toEqual({ exit: 0, before: null, after: '1' });
    expect(await rig.promote('m@champion')).toEqual({ exit: 0, before: '1', after: '1' });
    await rig.train(2);
    const { versions } = await rig.show();
    expect(versions[0]?.tags).toEqual({
      'stockpot.verdict': 'VALIDATED',
      'stockpot.compared_with': versions[1]?.modelDigest,
      'stockpot.reproduction': expect.stringMatching(/^[0-9a-f]{64}$/),
      'stockpot.compared_alias': 'champion',
    });
    expect(versions[1]?.tags['stockpot.compared_with']).toBe('none');
    expect(await rig.promote('m/2')).toEqual({ exit: 0, before: '1', after: '2' });
    const { out } = await rig.cli.recipe('models', 'promote', 'm/2', '--to', 'staging');
    expect(out).toBe('m: staging → version 2\n');
    expect((await rig.show()).history.map(({ action, before, after }) => [action, before, after])).toEqual([
      ['create', null, null],
      ['register', null, '1'],
      ['alias champion', null, '1'],
      ['register', null, '2'],
      ['alias champion', '1', '2'],
      ['alias staging', null, '2'],
    ]);
  });

  test('two at once, each judged against the same champion: one wins, the other is told', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    await rig.promote('m/1');
    await rig.train(2);
    await rig.train(3);
    const outcomes = await Promise.all([rig.promote('m/2'), rig.promote('m/3')]);
    const winner = outcomes.findIndex(({ exit }) => exit === 0) + 2;
    const loser = 5 - winner;
    expect(outcomes[winner - 2]).toEqual({ exit: 0, before: '1', after: String(winner) });
    expect(['CHAMPION_CHANGED', 'ALIAS_MOVED']).toContain(outcomes[loser - 2]?.['code']);
    expect(outcomes[loser - 2]?.['message']).toContain(`version ${winner}`);
    expect(await rig.at('champion')).toBe(String(winner));

    // Afterwards the verdict of the loser is still an old one, until it is judged anew.
    expect(await rig.promote(`m/${loser}`)).toMatchObject({ exit: 3, code: 'CHAMPION_CHANGED' });
    expect(await rig.train(loser)).toMatchObject({ train: 'cached', judge: 'succeeded' });
    expect(await rig.promote(`m/${loser}`)).toMatchObject({ exit: 0, before: String(winner) });
  });

  test('refuses a version that is REJECTED, and says what to do', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    expect(await rig.train(1, 'REJECTED')).toMatchObject({ judge: 'succeeded', effect: 'skipped' });
    expect((await rig.show()).versions[0]?.tags['stockpot.verdict']).toBe('REJECTED');
    const refused = await rig.promote('m/1');
    expect(refused).toMatchObject({ exit: 3, code: 'MODEL_REJECTED' });
    expect(refused['hint']).toContain('validation_criteria');
    expect(await rig.promote('m/1', '--to', 'staging')).toMatchObject({ code: 'MODEL_REJECTED' });
    expect(await rig.at('champion')).toBeUndefined();
    await rig.train(1);
    expect(await rig.promote('m/1')).toMatchObject({ exit: 0 });
  });

  test('a model that was never validated is not registered at all', async () => {
    await using rig = await RegistryRig.create();
    expect(await rig.train(1, 'REJECTED')).toMatchObject({ register: 'succeeded', effect: 'skipped' });
    const { out } = await rig.cli.recipe('models', 'list', '--json');
    expect(JSON.parse(out)).toEqual([]);
  });

  test('goes back to a former champion, whatever it was judged to be since', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    await rig.promote('m/1');
    await rig.train(2);
    await rig.promote('m/2');
    await rig.train(1, 'REJECTED');
    expect(await rig.promote('m/1')).toEqual({ exit: 0, before: '2', after: '1' });
  });

  test('does not make the new champion be judged again, but the others', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    await rig.train(2);
    await rig.promote('m/1');
    expect(await rig.train(1)).toMatchObject({ judge: 'cached', effect: 'unchanged' });
    expect(await rig.train(2)).toMatchObject({ train: 'cached', judge: 'succeeded', effect: 'done' });
  });

  test('refuses what is no version and no alias, and names it', async () => {
    await using rig = await RegistryRig.create();
    await rig.train(1);
    await rig.promote('m/1');
    const refused = [
      ['m', 'USAGE'],
      ['m/0', 'MODEL_NOT_FOUND'],
      ['m/12', 'MODEL_NOT_FOUND'],
      ['M/1', 'MODEL_NOT_FOUND'],
      ['m@champoin', 'MODEL_NOT_FOUND'],
      ['m/1 --to v3', 'REGISTRY_NAME_INVALID'],
      ['m/1 --to latest', 'REGISTRY_NAME_INVALID'],
      ['m/1 --to a/b', 'REGISTRY_NAME_INVALID'],
    ] as const;
    for (const [args, code] of refused) {
      const [model = '', ...more] = args.split(' ');
      const outcome = await rig.promote(model, ...more);
      expect([args, outcome['exit'], outcome['code']]).toEqual([args, 2, code]);
      expect(outcome['message']).toContain(more.at(-1) ?? model);
      if (model === 'm@champoin') expect(outcome['hint']).toBe('Did you mean m@champion?');
    }
    expect((await rig.show()).history.map(({ action }) => action)).toEqual([
      'create',
      'register',
      'alias champion',
    ]);
  });
});

describe('an alias that the recipe moves', () => {
  test('follows the model, through the gate', async () => {
    await using rig = await RegistryRig.create(', alias: champion');
    expect(await rig.train(1)).toMatchObject({ effect: 'done' });
    expect(await rig.train(2)).toMatchObject({ judge: 'succeeded', effect: 'done' });
    expect(await rig.at('champion')).toBe('2');
    // Judged against version 2, which it now follows.
    expect(await rig.train(1)).toMatchObject({ train: 'cached', judge: 'succeeded', effect: 'done' });
    expect(await rig.at('champion')).toBe('1');
    expect(await rig.train(1)).toEqual({
      train: 'cached',
      judge: 'cached',
      register: 'cached',
      effect: 'unchanged',
    });
  });
});

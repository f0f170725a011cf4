import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { listRuns } from '../rigs/tracked-runs.ts';

const missing = await PostgresRig.missing();

describe.skipIf(missing !== undefined)(
  `recipes that write to PostgreSQL${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('leave runs and models there, which every command and the server read', async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await RegistryRig.create(', alias: champion');
      rig.cli.env['STOCKPOT_DATABASE_URL'] = postgres.url;
      expect(await rig.train(1)).toMatchObject({ effect: 'done' });
      expect(await rig.train(2)).toMatchObject({ judge: 'succeeded', effect: 'done' });
      const { versions, history } = await rig.show();
      expect(versions.map(({ version, aliases }) => [version, aliases])).toEqual([
        ['2', ['champion']],
        ['1', []],
      ]);
      expect(history.map(({ action }) => action)).toEqual([
        'create',
        'register',
        'alias champion',
        'register',
        'alias champion',
      ]);
      expect(await listRuns(rig.cli)).toMatchObject([{ status: 'FINISHED' }, { status: 'FINISHED' }]);
      expect(existsSync(join(rig.cli.dir, '.stockpot/tracking.db'))).toBe(false);

      await using server = await ServerProcess.start(rig.cli, '--database', postgres.url);
      const { model_version } = await server.api('registered-models/alias?name=m&alias=champion');
      expect(model_version).toMatchObject({
        version: '2',
        source: `mlflow-artifacts:/models/${versions[0]?.modelDigest}`,
      });

      // A run that was cut off is finished where it began, whatever the next command writes to.
      rig.cli.env['STOCKPOT_FAILPOINT'] = 'tracking.before-commit@1';
      expect(await rig.cli.recipe('run', '--force')).toMatchObject({ signal: 'SIGKILL' });
      delete rig.cli.env['STOCKPOT_FAILPOINT'];
      delete rig.cli.env['STOCKPOT_DATABASE_URL'];
      expect(await listRuns(rig.cli)).toEqual([]);
      expect(await listRuns(rig.cli, '--database', postgres.url)).toMatchObject([
        { status: 'KILLED' },
        { status: 'FINISHED' },
        { status: 'FINISHED' },
      ]);
    });
  },
);

describe('a database out of reach', () => {
  const step = { 'recipe.yaml': 'steps:\n  a: { run: "touch ran" }\n' };

  test('is said before anything is written, without its password', async () => {
    await using rig = await CliRig.create(step);
    rig.env['STOCKPOT_DATABASE_URL'] = 'postgres://ann:canary@127.0.0.1:1/x';
    for (const command of [['run'], ['runs', 'list'], ['models', 'list']]) {
      const { exit, err } = await rig.recipe(...command, '--json');
      expect([command, exit, JSON.parse(err)]).toMatchObject([command, 69, { code: 'DATABASE_UNREACHABLE' }]);
      expect(err).not.toContain('canary');
    }
    expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
  });

  test('is that of the command line, of the environment, or of the profile, in this order', async () => {
    await using rig = await CliRig.create({
      ...step,
      'profiles/local.yaml': 'HOST: 127.0.0.1:1\ndatabase: "postgres://{{ HOST }}/of-profile"\n',
      'profiles/other.yaml': 'database: postgres://127.0.0.1:1/of-other\n',
    });
    const place = async (...args: string[]): Promise<string> =>
      /127.0.0.1:1\/([a-z-]+)/.exec((await rig.recipe(...args)).err)?.[1] ?? 'none';
    for (const command of [['run'], ['runs', 'list'], ['models', 'list']]) {
      expect(await place(...command)).toBe('of-profile');
      expect(await place(...command, '-p', 'other')).toBe('of-other');
    }
    rig.env['STOCKPOT_DATABASE_URL'] = 'postgresql+psycopg2://127.0.0.1:1/of-environment';
    expect(await place('run')).toBe('of-environment');
    expect(await place('run', '--database', 'postgres://127.0.0.1:1/of-flag')).toBe('of-flag');
  });
});

describe('an address', () => {
  const recipe = { 'recipe.yaml': 'steps:\n  a: { run: [x] }\n' };

  test.each([
    ['database: postgres://ann:secret@host/x', 'PASSWORD_IN_PROFILE', 'STOCKPOT_DATABASE_URL'],
    ['database: "postgres://host/x?password=secret"', 'PASSWORD_IN_PROFILE', 'STOCKPOT_DATABASE_URL'],
    ['tracking: http://ann:secret@host', 'PASSWORD_IN_PROFILE', 'STOCKPOT_TRACKING_URL'],
    ['model_registry: http://ann:secret@host', 'PASSWORD_IN_PROFILE', 'STOCKPOT_REGISTRY_URL'],
    ['P: secret\ndatabase: "postgres://ann:{{ P }}@host/x"', 'PASSWORD_IN_PROFILE', 'STOCKPOT_DATABASE_URL'],
    ['database: mysql://host/x', 'VALUE_INVALID', 'postgres://'],
    ['tracking: databricks', 'VALUE_INVALID', 'http://'],
    ['tracking: { url: x }', 'VALUE_INVALID', 'text'],
  ])('in a profile: %s', async (line, code, says) => {
    await using rig = await CliRig.create({ ...recipe, 'profiles/local.yaml': `${line}\n` });
    for (const command of [['validate'], ['runs', 'list']]) {
      const { exit, err } = await inProcess(rig.dir, ...command, '--json');
      expect([exit, JSON.parse(err)]).toMatchObject([2, { code, at: { file: 'profiles/local.yaml' } }]);
      expect(err).toContain(says);
      expect(err).not.toContain('secret@');
    }
  });

  test.each([
    ['STOCKPOT_DATABASE_URL', 'http://host'],
    ['STOCKPOT_TRACKING_URL', 'postgres://host/x'],
    ['STOCKPOT_REGISTRY_URL', 'ftp://host'],
  ])('in %s: %s', async (variable, value) => {
    await using rig = await CliRig.create(recipe);
    rig.env[variable] = value;
    const { exit, err } = await rig.recipe('runs', 'list');
    expect([exit, err]).toEqual([2, expect.stringContaining(`${variable} is no address that begins with`)]);
  });
});

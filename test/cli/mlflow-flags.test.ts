import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseCommandLine } from '../../src/cli/parse-command-line.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const server = COMMANDS.find(({ name }) => name === 'server');

/** What follows `mlflow server` in scripts, by word. */
const LINES: readonly (readonly [words: readonly string[], options: object])[] = [
  [
    ['--backend-store-uri', 'sqlite:///m.db', '--gunicorn-opts', '--timeout 60 --log-level debug'],
    { backendStoreUri: 'sqlite:///m.db', gunicornOpts: '--timeout 60 --log-level debug' },
  ],
  [['--gunicorn-opts=--timeout 60'], { gunicornOpts: '--timeout 60' }],
  [
    ['--uvicorn-opts', '--reload', '--host', '0.0.0.0', '-p', '5000'],
    { uvicornOpts: '--reload', host: '0.0.0.0', port: '5000' },
  ],
  [['-w', '4', '--app-name', 'basic-auth'], { workers: '4', appName: 'basic-auth' }],
  [
    ['--default-artifact-root', './mlruns', '--no-serve-artifacts'],
    { defaultArtifactRoot: './mlruns', noServeArtifacts: true },
  ],
];

describe('recipe server takes what scripts give to mlflow server', () => {
  test.each(LINES)('%s', (words, options) => {
    expect(server && parseCommandLine(server, words).options).toEqual(options);
  });

  test('but -h is help here, and a host behind it is no server that started', async () => {
    await using rig = await CliRig.create({});
    const { exit, err } = await rig.recipe('server', '-h', '0.0.0.0');
    expect([exit, err]).toEqual([2, expect.stringContaining('--host 0.0.0.0')]);
    expect((await rig.recipe('server', '-h')).exit).toBe(0);
  });

  test.each(['./mlruns', 'file:///data/mlruns'])(
    'but the folder %s it cannot serve, and says what does',
    async (folder) => {
      await using rig = await CliRig.create({});
      const { exit, err } = await rig.recipe('server', '--backend-store-uri', folder);
      expect([exit, err]).toEqual([
        2,
        expect.stringMatching(/--backend-store-uri .* is no database: .*`recipe server import .*mlruns`/),
      ]);
    },
  );
});

test('server backup takes the --cache that the server has', async () => {
  await using rig = await CliRig.create({});
  const place = ['--database', 'sqlite:t.db', '--cache', 'files'];
  await using _server = await ServerProcess.start(rig, ...place);
  const { exit, err } = await rig.recipe('server', 'backup', 'saved', ...place);
  expect([exit, err]).toEqual([0, '']);
});

test('whoever changes a model where no variable says who it is, is named as the system does', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': `steps: { a: { run: 'true' } }\n` });
  await rig.run();
  const { out } = await rig.recipe('runs', 'list', '--json');
  expect(out).toContain(userInfo().username);
});

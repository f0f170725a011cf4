import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'signed-in-client.py');
const PASSWORD = 'correct horse battery';

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

describe.each(CLIENTS)('the client of %s signs in', (_, python = '') => {
  const everything = (name: string): object => ({
    metrics: { loss: 0.5 },
    params: { depth: '3' },
    team: 'blue',
    same: true,
    files: ['deep/large.bin'],
    version: '1',
    predicted: [2, 4],
    name,
  });

  test.skipIf(python === '')(
    'by a token, by a token as the password, and by a password, and does its work',
    async () => {
      await using home = await CliRig.create();
      await home.fed(`${PASSWORD}\n`, 'server', 'user', 'add', 'ann', '--password');
      const token = (await home.recipe('server', 'token', 'add', 'ann')).out.trim();
      await using server = await ServerProcess.start(home, '--auth', 'on');
      const work = async (name: string, env: Readonly<Record<string, string>>): Promise<object> => {
        const { stdout } = await execa(python, [SCRIPT], {
          cwd: home.dir,
          env: {
            MLFLOW_TRACKING_URI: server.url,
            MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
            PYTHONDONTWRITEBYTECODE: '1',
            STOCKPOT_TEST_NAME: name,
            ...env,
          },
        });
        return { ...(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as object), name };
      };
      const named = (password: string): Record<string, string> => ({
        MLFLOW_TRACKING_USERNAME: 'ann',
        MLFLOW_TRACKING_PASSWORD: password,
      });
      const ways = {
        token: { MLFLOW_TRACKING_TOKEN: token },
        basic: named(token),
        password: named(PASSWORD),
      };
      for (const [name, env] of Object.entries(ways)) expect(await work(name, env)).toEqual(everything(name));

      const wrong = {
        unknown: [{ MLFLOW_TRACKING_TOKEN: `${token}x` }, 'The token is unknown, or it has lapsed.'],
        guessed: [named('wrong horse battery'), 'The user name or the password is wrong.'],
        nobody: [{}, 'You are not authenticated.'],
      } as const;
      for (const [name, [env, message]] of Object.entries(wrong))
        expect(await work(name, env)).toMatchObject({
          refused: 'RestException',
          code: 'UNAUTHENTICATED',
          message: expect.stringContaining(message),
        });
    },
    240_000,
  );
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'auth-client.py');
const PYTHON = process.env['STOCKPOT_TEST_PYTHON'] ?? '';
const PASSWORD = 'correct horse battery';

const refused = (error: string, message: string): object => ({ error, message: `${error}: ${message}` });
const NEEDS_ADMIN = refused(
  'PERMISSION_DENIED',
  'ann is a member here, and the request needs the role admin.',
);
const needs = (parameter: string): object =>
  refused(
    'INVALID_PARAMETER_VALUE',
    `Missing value for required parameter '${parameter}'. See the API docs for more information about request parameters.`,
  );
const NO_PERMISSION = refused(
  'INVALID_PARAMETER_VALUE',
  "Invalid value \"OWN\" for parameter 'permission' supplied:  Hint: Value was of type 'str'. See the API docs for more information about request parameters.",
);
const NOTHING_YET = { username: 'ann', is_admin: false };

/** What this server answers otherwise: docs/mlflow-compatibility.md says why. */
const OTHERWISE: Results = {
  // There, a permission on what is not there is made, and stays.
  'create experiment permission of none': refused('RESOURCE_DOES_NOT_EXIST', 'There is no experiment 999'),
  'create model permission of none': refused('RESOURCE_DOES_NOT_EXIST', 'There is no model missing'),
  'get user with permissions': {
    ...NOTHING_YET,
    experiments: [['1', 'NO_PERMISSIONS']],
    models: [['m', 'NO_PERMISSIONS']],
  },
  'as another: get oneself': { ...NOTHING_YET, experiments: [['1', 'READ']], models: [] },
  // There, a database's error.
  'delete user who may do something': null,
  'get user who was deleted': refused('RESOURCE_DOES_NOT_EXIST', 'User with username=ann not found'),
  // The same codes in other words, or as JSON where there is plain text.
  'create user without a name': needs('username'),
  'create user without a password': needs('password'),
  'create user with a short password': refused(
    'INVALID_PARAMETER_VALUE',
    'A password has from 12 to 1024 characters.',
  ),
  'create experiment permission that is none': NO_PERMISSION,
  'create model permission that is none': NO_PERMISSION,
  'as another: get somebody': NEEDS_ADMIN,
  'as another: create user': NEEDS_ADMIN,
  'as another: become admin': NEEDS_ADMIN,
  'as another: give': refused(
    'PERMISSION_DENIED',
    'ann lacks MANAGE on experiment:1 (has READ). Who manages it, or an administrator, can grant it.',
  ),
  'with a wrong password': refused(
    'UNAUTHENTICATED',
    'The user name or the password is wrong. Sign in with `recipe login`, or set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.',
  ),
};

type Results = Readonly<Record<string, unknown>>;

async function calls(url: string, cwd: string, username: string, password: string): Promise<Results> {
  const out = join(cwd, 'calls.json');
  await execa(PYTHON, [SCRIPT, out], {
    cwd,
    env: {
      MLFLOW_TRACKING_URI: url,
      MLFLOW_TRACKING_USERNAME: username,
      MLFLOW_TRACKING_PASSWORD: password,
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  return JSON.parse(await readFile(out, 'utf8')) as Results;
}

describe('MLflow’s client for users and permissions', () => {
  test.skipIf(PYTHON === '')(
    'gets from this server what it gets from MLflow’s with basic-auth',
    async () => {
      await using rig = await CliRig.create();
      const secret = { MLFLOW_FLASK_SERVER_SECRET_KEY: 'x' };
      await using real = await realServer(PYTHON, rig.dir, secret, '--app-name', 'basic-auth');
      await using home = await CliRig.create();
      await home.fed(`${PASSWORD}\n`, 'server', 'user', 'add', 'admin', '--role', 'admin', '--password');
      await using server = await ServerProcess.start(home, '--auth', 'on');
      const [wanted, got] = await Promise.all([
        calls(real.url, rig.dir, 'admin', 'password1234'),
        calls(server.url, home.dir, 'admin', PASSWORD),
      ]);
      expect(got).toEqual({ ...wanted, ...OTHERWISE });
      for (const name of Object.keys(OTHERWISE)) expect(got[name]).not.toEqual(wanted[name]);
    },
    240_000,
  );
});

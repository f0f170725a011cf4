import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'mlflow-client.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

/** What each call of the real client gave, against the server at `url`. */
async function calls(python: string, url: string, cwd: string): Promise<Record<string, unknown>> {
  const { stdout } = await execa(python, [SCRIPT], {
    cwd,
    env: { MLFLOW_TRACKING_URI: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '2' },
  });
  return JSON.parse(stdout.slice(stdout.indexOf('{"set_experiment"'))) as Record<string, unknown>;
}

const noPostgres = await PostgresRig.missing();

describe.each(CLIENTS)('the client of %s', (_, found = '') => {
  const wanted = new Map<string, Record<string, unknown>>();

  beforeAll(async () => {
    if (found === '') return;
    await using rig = await CliRig.create();
    await using server = await realServer(found, rig.dir);
    wanted.set('calls', await calls(found, server.url, rig.dir));
  }, 180_000);

  test.skipIf(found === '')(
    'gets from this server what it gets from MLflow’s, call by call',
    async () => {
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig);
      const got = await calls(found, server.url, rig.dir);
      expect(Object.keys(got).length).toBeGreaterThan(75);
      expect(got).toEqual(wanted.get('calls'));
    },
    180_000,
  );

  test.skipIf(found === '' || noPostgres !== undefined)(
    `and on PostgreSQL${noPostgres === undefined ? '' : ` (${noPostgres})`}`,
    async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig, '--database', postgres.url);
      expect(await calls(found, server.url, rig.dir)).toEqual(wanted.get('calls'));
    },
    180_000,
  );
});
